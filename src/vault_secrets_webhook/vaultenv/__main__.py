"""`vault-env COMMAND [ARGUMENT ...]`: become COMMAND, with every reference in the environment replaced by its value.

`vault-env copy DIR` is `copying`; a command of that name is started by `vault-env -- copy DIR`. Called `secret-init`, it
is the program of that name (see `settings`).

Exit codes before the command has started: 127 command not found, 126 not executable, 1 anything else; 128+N when
signal N ended the wait for Vault.
"""

from __future__ import annotations

import os
import sys

from vault_secrets_webhook import __version__
from vault_secrets_webhook.errors import ConfigurationError, Error, LaunchError
from vault_secrets_webhook.textlog import Log

from . import environ as environment
from . import launch, process
from .settings import Settings, find_program, wants_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

USAGE = "usage: {0} [--] COMMAND [ARGUMENT ...]  (or {0} copy DIR [MOUNT_POINT ...], or {0} --version)"
ANSWERS = {"--version": f"{{0}} {__version__}", "--help": USAGE, "-h": USAGE}
STDOUT, STDERR = 1, 2
FAILED = 1
INTERRUPTED = 130


def main() -> NoReturn:
    """Run vault-env on the process's arguments and environment."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Do what the arguments say; returns only when no command was to be started or that failed, with the exit code.

    Nothing is raised, for Python would show all that it knows. The static executable begins here.
    """
    try:
        return obey(arguments)
    except KeyboardInterrupt:  # a signal before anybody watched for it
        return INTERRUPTED
    except BaseException as error:  # noqa: BLE001 - what could not even be logged
        show(f"vault-env: internal error: {type(error).__name__}", STDERR)
        return FAILED


def obey(arguments: list[str]) -> int:
    """Start the command, answer or copy; the exit code."""
    launch.hold_closed_streams()
    program = find_program(sys.argv[0])
    if len(arguments) == 1 and (answer := ANSWERS.get(arguments[0])):
        return show(answer.format(program.name))
    if arguments[:1] == ["copy"]:
        from . import copying

        return copying.run(arguments[1:], copying.RUNNING if process is not None else None, program.name)
    if arguments[:1] == ["--"]:
        arguments = arguments[1:]
    watch = launch.SignalWatch()
    entries = environment.read_entries()
    environ = environment.index_entries(entries)
    log = Log(as_json=wants_json(environ, program), app=program.name)
    if not arguments:
        problem = f"no command is given: {program.name} needs the command that it is to start"
        log.error(problem, usage=USAGE.format(program.name))
        return FAILED
    try:
        settings = Settings(environ, program)
        log = Log(settings.log_level, as_json=settings.logs_json, app=program.name)
        return start(arguments, entries, environ, settings, log, watch)
    except LaunchError as error:
        log.error(str(error))  # noqa: TRY400 - this log has no tracebacks
        return error.exit_code
    except Error as error:
        log.error(str(error))  # noqa: TRY400
    except MemoryError:
        log.error("there is not enough memory: the container's memory limit is too low")  # noqa: TRY400
    except Exception as error:  # noqa: BLE001 - the text of an unforeseen error may hold anything, also a secret
        log.error(  # noqa: TRY400
            "internal error", kind=type(error).__name__, place=describe_place(error), reason=describe_number(error)
        )
    return FAILED


def show(text: str, descriptor: int = STDOUT) -> int:
    """Write a line; the exit code."""
    try:
        os.write(descriptor, text.encode() + b"\n")
    except OSError:  # a broken or full stream
        return FAILED
    return 0


def start(
    arguments: list[str],
    entries: list[bytes],
    environ: dict[str, str],
    settings: Settings,
    log: Log,
    watch: launch.SignalWatch,
) -> int:
    """Prepare the environment and become the command; returns only when a secret could not be had."""
    path = launch.find_command(arguments[0], environ.get("PATH"))
    program = settings.program
    withheld = environment.withheld_names(entries, program, settings.passed_through)
    if settings.has_log_server:
        note = f"{program.log_server} is not supported by this version: logs go to standard error only"
        log.warning(note)
    if program.unsupported:
        refuse_unsupported(environ, program.unsupported)
    if settings.names_paths or any(has_reference(entry, withheld, settings.schemes) for entry in entries):
        from .inject import inject_secrets

        watch.start_thread()
        injected = inject_secrets(entries, environ, withheld, settings, log)
        if injected is None:
            return FAILED
        built = injected.entries
    else:
        injected = None
        built = environment.build_entries(entries, withheld)
    argv = [os.fsencode(argument) for argument in arguments]  # as the interpreter decoded them
    launch.check_sizes(path, argv, built)
    if injected is not None:
        log.info("secrets are injected", variables=injected.variables, requests=injected.requests)
    if settings.delay:
        from time import sleep

        watch.start_thread()
        sleep(settings.delay)
    log.debug("the command is started", path=path)
    return launch.execute(path, argv, built, watch)


def refuse_unsupported(environ: dict[str, str], beginnings: tuple[str, ...]) -> None:
    """Raise ConfigurationError for a value that is meant as a reference and would reach the application as it is."""
    for name, value in environ.items():
        if value.startswith(beginnings):
            beginning = next(filter(value.startswith, beginnings))
            raise ConfigurationError(
                f"{name}: references that begin with {beginning} are not supported by this version"
            )


def has_reference(entry: bytes, withheld: frozenset[bytes], schemes: tuple[str, ...]) -> bool:
    """Tell whether an entry that the application gets has a reference; the grammar is asked only in doubt."""
    name, _, value = entry.partition(b"=")
    for scheme in schemes:
        if scheme.encode() in value and name not in withheld:
            from vault_secrets_webhook.inject import reference

            return reference.has_reference(value.decode("utf-8", "surrogateescape"), schemes)
    return False


def describe_place(error: Exception) -> str:
    """Say where an error came from, and nothing of what it says."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "unknown"
    return f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}"


def describe_number(error: Exception) -> str | None:
    """Give the system's own words for its error number, and nothing of what the error says.

    An error of TLS, which has a `reason`, is an OSError too, but its number is one of OpenSSL's.
    """
    if not isinstance(error, OSError) or hasattr(error, "reason"):
        return None
    return os.strerror(error.errno) if error.errno else None


if __name__ == "__main__":
    main()
