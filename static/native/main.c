/* The entry point of the static vault-env: an interpreter that runs one frozen program and cannot run another.
 *
 * Nothing outside of the executable decides what runs: no PYTHON* variable is read, no path is searched, no `site` or
 * `.pth` file is loaded, options belong to vault-env, and compiler.c leaves nothing that turns text into code.
 *
 * Source: PEP 587 (initialization configuration), https://docs.python.org/3/c-api/init_config.html.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "native.h"

#define PROGRAM "vault_secrets_webhook.vaultenv.__main__"

static const int FAILED = 1;

/* Signals whose default would end us in the middle of a write; the application gets them as we did (process.c). */
static const int HELD_SIGNALS[] = {SIGPIPE, SIGXFSZ};
/* Signals that end us from the first instruction on, though process 1 of a container has no defaults; those that were
 * ignored stay so. launch.py takes over. */
static const int ENDING_SIGNALS[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};

/* Of threads, in bytes: what the C library chooses may be too little for deep documents (musl: 128 KiB). */
static const size_t STACK_SIZE = 4 << 20;

static void
end_by_signal(int number)
{
    _exit(128 + number);
}

static void
take_signals(void)
{
    struct sigaction before;
    for (size_t i = 0; i < sizeof HELD_SIGNALS / sizeof *HELD_SIGNALS; i++) {
        struct sigaction ignoring = {.sa_handler = SIG_IGN};
        if (sigaction(HELD_SIGNALS[i], &ignoring, &before) == 0 && before.sa_handler == SIG_IGN) {
            vaultenv_remember_ignored(HELD_SIGNALS[i]);
        }
    }
    for (size_t i = 0; i < sizeof ENDING_SIGNALS / sizeof *ENDING_SIGNALS; i++) {
        struct sigaction ending = {.sa_handler = end_by_signal};
        if (sigaction(ENDING_SIGNALS[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
            sigaction(ENDING_SIGNALS[i], &ending, NULL);
        }
    }
}

/* CPython refuses to start with a folder as its standard input. Nothing of ours reads that,
 * the application may: put it aside. Gives the descriptor to be put back, or -1 when there is nothing to do. */
static int
put_aside_folder(void)
{
    struct stat input;
    if (fstat(STDIN_FILENO, &input) < 0 || !S_ISDIR(input.st_mode)) {
        return -1;
    }
    int folder = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (folder >= 0) {
        close(STDIN_FILENO);
    }
    return folder;
}

static void
put_back_folder(int folder)
{
    if (folder >= 0) {
        dup2(folder, STDIN_FILENO);
        close(folder);
    }
}

static PyStatus
start_interpreter(int argc, char **argv)
{
    PyPreConfig preconfig;
    PyPreConfig_InitIsolatedConfig(&preconfig);
    preconfig.utf8_mode = 1;
    preconfig.configure_locale = 0;
    PyStatus status = Py_PreInitialize(&preconfig);
    if (PyStatus_Exception(status)) {
        return status;
    }
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    config.optimization_level = 2;
    config.write_bytecode = 0;
    config.module_search_paths_set = 1; /* to none */
    status = PyConfig_SetBytesArgv(&config, argc, argv);
    if (!PyStatus_Exception(status)) {
        status = Py_InitializeFromConfig(&config);
    }
    PyConfig_Clear(&config);
    return status;
}

/* Give the exit code, or -1 with an exception set. Returns only if no application was started. */
static int
run_program(void)
{
    PyObject *program = PyImport_ImportModule(PROGRAM);
    if (program == NULL) {
        return -1;
    }
    if (PyDict_SetItemString(PyImport_GetModuleDict(), "__main__", program) < 0) {
        return -1;
    }
    PyObject *argv = PySys_GetObject("argv");
    PyObject *arguments = argv == NULL ? NULL : PyList_GetSlice(argv, 1, PyList_GET_SIZE(argv));
    PyObject *code = arguments == NULL ? NULL : PyObject_CallMethod(program, "run", "O", arguments);
    return code == NULL ? -1 : (int)PyLong_AsLong(code);
}

/* Keep tokens and values out of core dumps, and /proc/PID/mem and /proc/PID/environ from other processes of the same
 * user, until execve(2) makes the process the application's. Copying needs /proc/self/exe, which this would close. */
static void
conceal(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "copy") != 0) {
        prctl(PR_SET_DUMPABLE, 0);
    }
}

int
main(int argc, char **argv, char **envp)
{
    conceal(argc, argv);
    vaultenv_remember_entries(envp);
    take_signals();
    int folder = put_aside_folder();
    PyStatus status = start_interpreter(argc, argv);
    put_back_folder(folder);
    if (PyStatus_Exception(status)) {
        fprintf(stderr, "vault-env: cannot be started: %s\n", status.err_msg ? status.err_msg : "no reason is known");
        return FAILED;
    }
    PyThread_set_stacksize(STACK_SIZE);
    int code = run_program();
    if (code < 0) {
        /* Only the kind: the text of an unforeseen error may hold anything, also a secret. */
        PyObject *kind = PyErr_Occurred();
        fprintf(stderr, "vault-env: internal error: %s\n", kind ? ((PyTypeObject *)kind)->tp_name : "no exception");
        code = FAILED;
    }
    /* Without the interpreter's finalization: the kernel takes everything back at once. */
    _exit(code);
}
