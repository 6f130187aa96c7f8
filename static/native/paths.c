/* What the interpreter has instead of its search for an installation (getpath.c): nothing to find. */
#include <Python.h>

PyStatus _PyConfig_InitPathConfig(PyConfig *config, int is_computed);
PyStatus
_PyConfig_InitPathConfig(PyConfig *Py_UNUSED(config), int Py_UNUSED(is_computed))
{
    return PyStatus_Ok();
}

/* Modules that the interpreter's own build would have as C objects; ours are read when they are imported. */
int _Py_Deepfreeze_Init(void);
int
_Py_Deepfreeze_Init(void)
{
    return 0;
}

void _Py_Deepfreeze_Fini(void);
void
_Py_Deepfreeze_Fini(void)
{
}
