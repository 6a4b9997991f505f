"""Opens every value of vectors.jsonl from the master keys, by docs/format.md alone. Needs the package cryptography.

    python3 crypto/sealed/testdata/open.py crypto/sealed/testdata/vectors.jsonl
"""

import hashlib
import hmac
import json
import struct
import sys

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def fields(*texts):
    return b"".join(struct.pack(">I", len(t)) + t for t in (t.encode() for t in texts))


def derive(master, info, size):
    return HKDF(hashes.SHA256(), size, salt=None, info=info).derive(master)


def open_value(stored, column, type_code, masters):
    version, layout, tag = stored[0], stored[1], stored[2:6]
    assert version == 1 and layout in (0, 1), "unknown form"
    assert tag == derive(masters["tag"], fields("portcullis-derive-1", "tag", "column", "1", column), 4), "other column"
    end = 6 + 16 * layout
    ciphertext = stored[end:]
    assert ciphertext[0] == 1, "no Tink prefix"
    (key_id,) = struct.unpack(">I", ciphertext[1:5])
    key = derive(masters["aead"][key_id], fields("portcullis-derive-1", "aead", "AES256_GCM", column), 32)
    associated_data = stored[:end] + bytes([type_code]) + fields(column, "")
    return AESGCM(key).decrypt(ciphertext[5:17], ciphertext[17:], associated_data)


def main():
    vectors = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
    masters = {"aead": {}}
    for v in vectors:
        if v["kind"] == "master" and v["purpose"] == "aead":
            masters["aead"][v["id"]] = bytes.fromhex(v["key"])
        elif v["kind"] == "master" and v.get("primary"):
            masters[v["purpose"]] = bytes.fromhex(v["key"])
    opened = 0
    for v in vectors:
        if v["kind"] != "value":
            continue
        stored = bytes.fromhex(v["stored"])
        plaintext = open_value(stored, v["column"], v["type_code"], masters)
        assert plaintext == bytes.fromhex(v.get("plaintext", "")), v
        if v.get("equality"):
            key = derive(masters["token"], bytes.fromhex(v["token_info"]), 32)
            token = hmac.new(key, bytes.fromhex(v.get("canonical", "")), hashlib.sha256).digest()[:16]
            assert token == bytes.fromhex(v["token"]) == stored[6:22], v
        opened += 1
    print(opened, "values opened")


main()
