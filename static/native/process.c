/* The built-in module `_vaultenv_process`: what the process was given at its start, and execve(2) as the kernel has it.
 *
 * Python's own `os.environ` and `os.execve` know only entries of the form NAME=value; an environment is any list of
 * byte strings. Source: execve(2), environ(7).
 */
#include "native.h"

#include <signal.h>
#include <unistd.h>

static char **started_with;
static int ignored[2];
static int ignored_count;

void
vaultenv_remember_entries(char **entries)
{
    started_with = entries;
}

void
vaultenv_remember_ignored(int signal_number)
{
    if (ignored_count < (int)(sizeof ignored / sizeof *ignored)) {
        ignored[ignored_count++] = signal_number;
    }
}

static PyObject *
entries(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    PyObject *list = PyList_New(0);
    for (char **entry = started_with; list != NULL && *entry != NULL; entry++) {
        PyObject *bytes = PyBytes_FromString(*entry);
        if (bytes == NULL || PyList_Append(list, bytes) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(bytes);
    }
    return list;
}

static PyObject *
ignored_signals(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    PyObject *numbers = PyTuple_New(ignored_count);
    for (int i = 0; numbers != NULL && i < ignored_count; i++) {
        PyObject *number = PyLong_FromLong(ignored[i]);
        if (number == NULL) {
            Py_CLEAR(numbers);
        } else {
            PyTuple_SET_ITEM(numbers, i, number);
        }
    }
    return numbers;
}

/* Make a null-terminated array of the strings of a list of bytes, which it points into. NULL with an exception set. */
static char **
point_into(PyObject *list)
{
    Py_ssize_t count = PyList_GET_SIZE(list);
    char **strings = PyMem_New(char *, (size_t)count + 1);
    if (strings == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        /* Without a length asked for, a NUL byte inside is a ValueError. */
        if (PyBytes_AsStringAndSize(PyList_GET_ITEM(list, i), &strings[i], NULL) < 0) {
            PyMem_Free(strings);
            return NULL;
        }
    }
    strings[count] = NULL;
    return strings;
}

static PyObject *
replace_process(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    const char *path;
    PyObject *argument_list, *entry_list;
    if (!PyArg_ParseTuple(arguments, "yO!O!:execve", &path, &PyList_Type, &argument_list, &PyList_Type, &entry_list)) {
        return NULL;
    }
    char **argv = point_into(argument_list);
    char **environment = argv == NULL ? NULL : point_into(entry_list);
    if (environment != NULL) {
        execve(path, argv, environment);
        PyErr_SetFromErrno(PyExc_OSError);
    }
    PyMem_Free(argv);
    PyMem_Free(environment);
    return NULL;
}

static PyMethodDef functions[] = {
    {"entries", entries, METH_NOARGS, NULL},
    {"execve", replace_process, METH_VARARGS, NULL},
    {"ignored_signals", ignored_signals, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_vaultenv_process", .m_methods = functions, .m_slots = slots};

PyMODINIT_FUNC
PyInit__vaultenv_process(void)
{
    return PyModuleDef_Init(&definition);
}
