"""Names the parser of ``selfsigned:`` endpoints, so that every program of Twisted can use them."""

from pyconchat.net.selfsigned import SelfSignedParser

selfsigned = SelfSignedParser()
