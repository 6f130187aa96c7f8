/*
 * _vaultenv_openssl: what the templates of vault-env need OpenSSL for, built into the static executable.
 *
 * The executable has no ctypes, through which src/vault_secrets_webhook/gotemplate/crypto/libcrypto.py reaches OpenSSL
 * elsewhere; both give the same bytes. This file knows bytes and names only: not what they are for, and no kind of key.
 *
 * Rules: a failure is a ValueError of a few words, which repeat no argument. OpenSSL's list of errors is empty after
 * every call, because `_ssl` would take what is left there for its own. A function releases at its end all that it has,
 * and overwrites what may be secret before; arguments and results, which Python holds, are beyond its reach. Python's
 * lock is released for long computations, which touch nothing of Python but texts and buffers that the arguments hold.
 *
 * Sources: EVP_EncryptInit(3), EVP_PKEY_keygen(3), d2i_PrivateKey(3), EVP_DigestSignInit(3) of OpenSSL 3; crypt(3).
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>
#ifdef VAULTENV_CRYPT /* the library has crypt_r: musl's libc, glibc's libcrypt */
#include <crypt.h> /* crypt_r, because Python.h defines _GNU_SOURCE */
#endif

enum { AES_KEY_SIZE = 32, AES_BLOCK_SIZE = 16 };

_Static_assert(sizeof(long) >= sizeof(Py_ssize_t), "d2i_AutoPrivateKey takes a size as long");

/* Raise ValueError. Gives NULL. */
static void *
fail(const char *words)
{
    ERR_clear_error();
    PyErr_SetString(PyExc_ValueError, words);
    return NULL;
}

/* Give what an i2d function allocated and wrote, as bytes, and release it. */
static PyObject *
take_der(unsigned char *der, int size)
{
    size_t length = size > 0 && der != NULL ? (size_t)size : 0;
    PyObject *result = length == 0 ? fail("DER cannot be written")
                                   : PyBytes_FromStringAndSize((const char *)der, (Py_ssize_t)length);

    OPENSSL_clear_free(der, length);
    ERR_clear_error();
    return result;
}

/* Write the result to `output`, which has a block more than `blocks`. Gives what failed, or NULL. */
static const char *
run_cipher(const Py_buffer *key, const Py_buffer *start, const Py_buffer *blocks, int is_encryption,
           unsigned char *output)
{
    const char *problem = NULL;
    int size = 0, rest = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();

    if (context == NULL || output == NULL) {
        problem = "no memory for a cipher";
    } else if (EVP_CipherInit_ex2(context, EVP_aes_256_cbc(), key->buf, start->buf, is_encryption, NULL) != 1) {
        problem = "AES cannot be set up";
    } else if (EVP_CIPHER_CTX_set_padding(context, 0) != 1) {
        problem = "padding cannot be turned off";
    } else if (EVP_CipherUpdate(context, output, &size, blocks->buf, (int)blocks->len) != 1) {
        problem = "AES";
    } else if (size != blocks->len) {
        problem = "AES gave another size";
    } else if (EVP_CipherFinal_ex(context, output + size, &rest) != 1 || rest != 0) {
        problem = "AES's end";
    }
    EVP_CIPHER_CTX_free(context); /* overwrites the key schedule */
    return problem;
}

static PyObject *
aes_cbc(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer key = {0}, start = {0}, blocks = {0};
    int is_encryption = 0;
    size_t capacity = 0;
    unsigned char *output = NULL;
    const char *problem = NULL;
    PyObject *result = NULL;

    if (!PyArg_ParseTuple(arguments, "y*y*y*p:aes_cbc", &key, &start, &blocks, &is_encryption)) {
        return NULL; /* it released what it had filled */
    }
    if (key.len != AES_KEY_SIZE) {
        problem = "a key of AES-256 has 32 bytes";
    } else if (start.len != AES_BLOCK_SIZE) {
        problem = "an initial vector of AES has 16 bytes";
    } else if (blocks.len % AES_BLOCK_SIZE != 0 || blocks.len > INT_MAX - AES_BLOCK_SIZE) {
        problem = "AES takes whole blocks of 16 bytes, and less than 2 GiB";
    } else {
        capacity = (size_t)blocks.len + AES_BLOCK_SIZE; /* EVP_DecryptUpdate may write a block more than it takes */
        output = OPENSSL_malloc(capacity);
        problem = run_cipher(&key, &start, &blocks, is_encryption, output);
    }
    result = problem != NULL ? fail(problem) : PyBytes_FromStringAndSize((const char *)output, blocks.len);
    OPENSSL_clear_free(output, capacity);
    PyBuffer_Release(&blocks);
    PyBuffer_Release(&start);
    PyBuffer_Release(&key);
    ERR_clear_error();
    return result;
}

/* What is generated: a key, or parameters for keys. */
struct generator {
    int (*prepare)(EVP_PKEY_CTX *context);
    int (*run)(EVP_PKEY_CTX *context, EVP_PKEY **result);
};

static const struct generator KEY = {EVP_PKEY_keygen_init, EVP_PKEY_keygen};
static const struct generator PARAMETERS = {EVP_PKEY_paramgen_init, EVP_PKEY_paramgen};

/* Set options, a sequence of pairs of texts. Gives 0, or -1 with an exception. */
static int
set_options(EVP_PKEY_CTX *context, PyObject *options)
{
    int status = 0;
    PyObject *pairs = PySequence_Tuple(options); /* which nobody else can change */

    if (pairs == NULL) {
        return -1;
    }
    for (Py_ssize_t index = 0; status == 0 && index < PyTuple_GET_SIZE(pairs); index++) {
        PyObject *pair = PyTuple_GET_ITEM(pairs, index);
        const char *name = NULL, *value = NULL;

        status = -1;
        if (!PyTuple_Check(pair)) {
            PyErr_SetString(PyExc_TypeError, "an option is a tuple of name and value");
        } else if (PyArg_ParseTuple(pair, "ss;an option is a tuple of name and value", &name, &value)) {
            if (EVP_PKEY_CTX_ctrl_str(context, name, value) > 0) {
                status = 0;
            } else {
                fail("a key's option");
            }
        }
    }
    Py_DECREF(pairs);
    return status;
}

/* Give a new key or new parameters, which the caller has to free, or NULL with an exception. */
static EVP_PKEY *
generate(const struct generator *generator, EVP_PKEY_CTX *context, PyObject *options)
{
    int status = 0;
    EVP_PKEY *result = NULL;

    if (generator->prepare(context) != 1) {
        return fail("a key cannot be set up");
    }
    if (set_options(context, options) != 0) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS /* seconds: primes are looked for */
    status = generator->run(context, &result);
    Py_END_ALLOW_THREADS
    if (status != 1 || result == NULL) {
        EVP_PKEY_free(result);
        return fail("a key cannot be made");
    }
    return result;
}

/* Trade a context, which is freed, for one that makes keys of new parameters. Gives NULL with an exception. */
static EVP_PKEY_CTX *
add_parameters(EVP_PKEY_CTX *plain, PyObject *options)
{
    EVP_PKEY_CTX *context = NULL;
    EVP_PKEY *parameters = generate(&PARAMETERS, plain, options);

    EVP_PKEY_CTX_free(plain);
    if (parameters == NULL) {
        return NULL;
    }
    context = EVP_PKEY_CTX_new_from_pkey(NULL, parameters, NULL);
    EVP_PKEY_free(parameters); /* the context keeps them */
    return context != NULL ? context : fail("no memory for a key");
}

static PyObject *
generate_key(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    const char *type = NULL;
    PyObject *parameter_options = NULL, *options = NULL, *result = NULL;
    EVP_PKEY_CTX *context = NULL;
    EVP_PKEY *key = NULL;

    if (!PyArg_ParseTuple(arguments, "sOO:generate_key", &type, &parameter_options, &options)) {
        return NULL;
    }
    context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (context == NULL) {
        fail("no keys of this type");
    } else if (parameter_options != Py_None) {
        context = add_parameters(context, parameter_options);
    }
    if (context != NULL) {
        key = generate(&KEY, context, options);
    }
    if (key != NULL) {
        unsigned char *der = NULL;
        int size = i2d_PrivateKey(key, &der);

        result = take_der(der, size);
    }
    EVP_PKEY_free(key); /* overwrites its secret numbers */
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
    return result;
}

/* Give the key that is written as DER, which the caller has to free, or NULL with an exception. */
static EVP_PKEY *
read_key(const Py_buffer *der)
{
    const unsigned char *cursor = der->buf;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &cursor, (long)der->len);

    ERR_clear_error(); /* it tries one form after the other, and each failure leaves its trace */
    return key != NULL ? key : fail("a private key cannot be read");
}

static PyObject *
derive_public_key(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer private_der = {0};
    EVP_PKEY *key = NULL;
    PyObject *result = NULL;

    if (!PyArg_ParseTuple(arguments, "y*:derive_public_key", &private_der)) {
        return NULL;
    }
    key = read_key(&private_der);
    if (key != NULL) {
        unsigned char *der = NULL;
        int size = i2d_PUBKEY(key, &der);

        result = take_der(der, size);
    }
    EVP_PKEY_free(key);
    PyBuffer_Release(&private_der);
    return result;
}

/* Make a signature of `*size` bytes, which the caller has to free. Gives what failed, or NULL. No Python in here. */
static const char *
run_signer(EVP_PKEY *key, const char *digest_name, const Py_buffer *data, unsigned char **signature, size_t *size)
{
    const char *problem = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_MD *digest = *digest_name != '\0' ? EVP_MD_fetch(NULL, digest_name, NULL) : NULL;

    if (context == NULL) {
        problem = "no memory for a signature";
    } else if (*digest_name != '\0' && digest == NULL) {
        problem = "no such digest";
    } else if (EVP_DigestSignInit(context, NULL, digest, NULL, key) != 1) {
        problem = "a signature cannot be set up";
    } else if (EVP_DigestSign(context, NULL, size, data->buf, (size_t)data->len) != 1 || *size == 0) {
        problem = "a signature's size";
    } else if ((*signature = OPENSSL_malloc(*size)) == NULL) {
        problem = "no memory for a signature";
    } else if (EVP_DigestSign(context, *signature, size, data->buf, (size_t)data->len) != 1) { /* may be shorter */
        problem = "data cannot be signed";
    }
    EVP_MD_free(digest);
    EVP_MD_CTX_free(context);
    return problem;
}

static PyObject *
sign(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer private_der = {0}, data = {0};
    const char *digest_name = NULL, *problem = NULL;
    EVP_PKEY *key = NULL;
    unsigned char *signature = NULL;
    size_t size = 0;
    PyObject *result = NULL;

    if (!PyArg_ParseTuple(arguments, "y*sy*:sign", &private_der, &digest_name, &data)) {
        return NULL;
    }
    key = read_key(&private_der);
    if (key != NULL) {
        Py_BEGIN_ALLOW_THREADS /* milliseconds, for RSA */
        problem = run_signer(key, digest_name, &data, &signature, &size);
        Py_END_ALLOW_THREADS
        result = problem != NULL ? fail(problem) : PyBytes_FromStringAndSize((const char *)signature, (Py_ssize_t)size);
    }
    OPENSSL_free(signature);
    EVP_PKEY_free(key);
    PyBuffer_Release(&data);
    PyBuffer_Release(&private_der);
    ERR_clear_error();
    return result;
}

#ifdef VAULTENV_CRYPT
/* Give the hash, or None. */
static PyObject *
run_crypt(const char *password, const char *setting)
{
    const char *hash = NULL;
    PyObject *result = NULL;
    struct crypt_data *state = NULL;

    if (strncmp(setting, "$2", 2) != 0) { /* bcrypt: the executable may be linked without the other methods */
        return Py_NewRef(Py_None);
    }
    state = OPENSSL_zalloc(sizeof *state); /* 32 KiB with glibc: not for a thread's stack */
    if (state == NULL) {
        return fail("no memory for a hash");
    }
    Py_BEGIN_ALLOW_THREADS /* bcrypt is slow on purpose */
    hash = crypt_r(password, setting, state);
    Py_END_ALLOW_THREADS
    /* Libraries differ in how they say no. */
    result = hash == NULL || *hash == '*' ? Py_NewRef(Py_None) : PyBytes_FromString(hash);
    OPENSSL_clear_free(state, sizeof *state); /* it holds the password */
    return result;
}
#else
static PyObject *
run_crypt(const char *Py_UNUSED(password), const char *Py_UNUSED(setting))
{
    return Py_NewRef(Py_None);
}
#endif

static PyObject *
hash_password(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *password = NULL, *setting = NULL;
    char *password_text = NULL, *setting_text = NULL;

    /* Objects of type bytes, because these are known to end in a NUL; the arguments keep them alive. */
    if (!PyArg_ParseTuple(arguments, "SS:crypt", &password, &setting)
        || PyBytes_AsStringAndSize(password, &password_text, NULL) != 0 /* ValueError if there is a NUL within */
        || PyBytes_AsStringAndSize(setting, &setting_text, NULL) != 0) {
        return NULL;
    }
    return run_crypt(password_text, setting_text);
}

static PyMethodDef methods[] = {
    {"aes_cbc", aes_cbc, METH_VARARGS, PyDoc_STR(
        "aes_cbc(key: bytes, start: bytes, blocks: bytes, is_encryption: bool) -> bytes\n\n"
        "Encrypt or decrypt whole blocks of 16 bytes by AES-256 in CBC mode, without padding.")},
    {"generate_key", generate_key, METH_VARARGS, PyDoc_STR(
        "generate_key(type: str, parameter_options: list[tuple[str, str]] | None, options: list[tuple[str, str]])"
        " -> bytes\n\n"
        "Make a private key, of new parameters if these have options. Options: EVP_PKEY_CTX_ctrl_str(3). Gives DER.")},
    {"derive_public_key", derive_public_key, METH_VARARGS, PyDoc_STR(
        "derive_public_key(private_der: bytes) -> bytes\n\n"
        "Give the public key of a private one, as DER of SubjectPublicKeyInfo.")},
    {"sign", sign, METH_VARARGS, PyDoc_STR(
        "sign(private_der: bytes, digest: str, data: bytes) -> bytes\n\n"
        "Sign data: RSA by PKCS #1 v1.5, DSA and ECDSA in DER. Ed25519 takes the data as they are, and digest ''.")},
    {"crypt", hash_password, METH_VARARGS, PyDoc_STR(
        "crypt(password: bytes, setting: bytes) -> bytes | None\n\n"
        "Hash a password by bcrypt, with crypt(3). None if the library cannot, or does not take the setting.")},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED}, /* there is no state */
#endif
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_vaultenv_openssl",
    .m_doc = "Ciphers, keys and signatures by OpenSSL, and bcrypt by crypt(3).",
    .m_size = 0,
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__vaultenv_openssl(void)
{
    return PyModuleDef_Init(&definition);
}
