/* What the C files of the static vault-env know of each other. */
#ifndef VAULTENV_NATIVE_H
#define VAULTENV_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* process.c: what the process was started with; to be told before the interpreter starts. */
void vaultenv_remember_entries(char **entries);
void vaultenv_remember_ignored(int signal_number);

PyMODINIT_FUNC PyInit__vaultenv_process(void);
PyMODINIT_FUNC PyInit__vaultenv_openssl(void);

#endif
