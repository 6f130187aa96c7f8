"""What Sprig's functions of the groups "crypto" and "network" stand on: Go's encodings, bcrypt, and OpenSSL's keys."""
