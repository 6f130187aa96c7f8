"""The API of Vault and OpenBao without I/O: what is sent, and what the answers mean. One code path for both."""
