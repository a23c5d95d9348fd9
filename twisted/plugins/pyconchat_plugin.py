"""Names the service maker, so that ``twistd pyconchat`` is a command."""

from twisted.application.service import ServiceMaker

pyconchat = ServiceMaker(
    "PyconChat",
    "pyconchat.server.service",
    "Group chat for telnet, nc and its own client.",
    "pyconchat",
)
