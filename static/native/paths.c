/* What takes the place of searches for files: the container that we run in configures neither Python nor OpenSSL. */
#include <Python.h>
#include <openssl/conf.h>

/* CPython's search for its installation (getpath.c): there is nothing to find. */
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

/* /etc/ssl/openssl.cnf, or the file that OPENSSL_CONF names: made for the container's own OpenSSL, it may ask for
 * providers that are not in ours (FIPS), and would then have every connection fail. 1 stands for "loaded". */
int __wrap_CONF_modules_load_file_ex(OSSL_LIB_CTX *, const char *, const char *, unsigned long);
int
__wrap_CONF_modules_load_file_ex(OSSL_LIB_CTX *Py_UNUSED(library), const char *Py_UNUSED(file),
                                 const char *Py_UNUSED(program), unsigned long Py_UNUSED(flags))
{
    return 1;
}
