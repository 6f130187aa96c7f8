"""What goes wrong with a test server: it is not on this machine, or it does not do what it is asked."""


class ServerMissing(Exception):
    """A server's executable is neither installed nor built. The message says what to do about it."""


class ServerFailedError(Exception):
    """A server ended, did not become ready, or refused a request. Names no secret."""


class PortTakenError(ServerFailedError):
    """Another process was given the port between its choice and its use. Start again on another one."""
