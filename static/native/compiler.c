/* What the interpreter has instead of its parser and compiler: a refusal.
 *
 * All code in the executable was compiled when it was built. The linker (`--wrap`) sends every call that would turn
 * text into code here, so the real functions are reached by nothing and are left out of the file. `compile`, and
 * `exec` and `eval` of text, raise RuntimeError; `exec` of code, which the importer needs, stays.
 *
 * WRAPPED in build.py lists these names too; the linker says nothing of one that it does not know, but verify.py finds
 * what would be left in the file.
 */
#include <Python.h>

static void *
refuse(void)
{
    PyErr_SetString(PyExc_RuntimeError, "vault-env has no compiler");
    return NULL;
}

#define REFUSED(name)    \
    void *__wrap_##name(void); \
    void *__wrap_##name(void) { return refuse(); }

/* The callers take a pointer and read NULL as "an exception is set". Their arguments are of no interest. */
REFUSED(_PyParser_ASTFromString)
REFUSED(_PyParser_ASTFromFile)
REFUSED(_PyAST_Compile)
REFUSED(PyAST_mod2obj)
REFUSED(PyAST_obj2mod)
REFUSED(_PyTokenizer_FindEncodingFilename) /* for the source line of a traceback */

/* Tells whether an object is a syntax tree: there are none. */
int __wrap_PyAST_Check(PyObject *object);
int
__wrap_PyAST_Check(PyObject *Py_UNUSED(object))
{
    return 0;
}

/* Give 0 for "not done". The first is asked for trees only, the other when a traceback shows source text. */
int __wrap__PyAST_Validate(void *tree);
int
__wrap__PyAST_Validate(void *Py_UNUSED(tree))
{
    refuse();
    return 0;
}

int __wrap__PyAST_Optimize(void *tree, void *arena, void *state);
int
__wrap__PyAST_Optimize(void *Py_UNUSED(tree), void *Py_UNUSED(arena), void *Py_UNUSED(state))
{
    return 0;
}

/* Frees the types of syntax trees, which were never made. */
void __wrap__PyAST_Fini(void *interpreter);
void
__wrap__PyAST_Fini(void *Py_UNUSED(interpreter))
{
}

/* Nor is a shared library ever loaded as a module. */
REFUSED(_PyImport_LoadDynamicModuleWithSpec)
