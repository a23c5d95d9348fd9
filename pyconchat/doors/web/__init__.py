"""The web door: a page, JSON mode over a WebSocket, files, and hooks, on one HTTP/1.1 port.

==================================  ================================================================
``GET /``, ``/main.js``, …          the page (the folder ``page``)
``GET /session``                    ``{"name": …}`` of the cookie's session; null if there is none
``POST /session``                   ``{"name", "password"}``, with ``"register": true`` for a new
                                    name, or ``{"ticket"}``; sets the cookie, and answers with
                                    ``{"name": …}``, or with ``code`` and ``error``
``DELETE /session``                 ends the cookie's session
``GET /ws``                         JSON mode: each message is one object, or more, a line each.
                                    With the cookie of a session a hello needs only its name. The
                                    page is sent no tokens: after ``/password`` it gets a ``ticket``
``PUT /file/TICKET``                the bytes of a file; ``Content-Range`` resumes an upload
``GET /file/TICKET/NAME``           a file; ``Range`` resumes a download
``POST /hook/TOKEN``                posts to the group of a hook
``GET /connect``                    other ways to connect, by their names
``GET /ready``                      whether a load balancer should send connections here
``GET /healthz``, ``GET /metrics``  for monitoring
==================================  ================================================================
"""
