#!/usr/bin/env python3
"""What `cross/check` lets the artifacts loose on, on the loopback of a network namespace of its own: a name server
that knows one name, and behind that name a registry over TLS with one image. The image is for every CPU of
`dist/`: in its first layer the very artifact, in each further one a file, compressed in another way.

    cross/registry.py CERTIFICATE KEY EXPECTED

EXPECTED becomes a directory of the files as they must come out; it appears when the servers listen."""

import bz2
import fcntl
import gzip
import hashlib
import http.server
import io
import json
import lzma
import os
import socket
import ssl
import struct
import subprocess
import sys
import tarfile
import threading

NAME = "registry.check.test"
ARCHITECTURES = {"aarch64": ("arm64", "v8"), "armv7": ("arm", "v7"), "i686": ("386", None),
                 "riscv64": ("riscv64", None), "x86_64": ("amd64", None)}


def zstd(data):
    return subprocess.run(["zstd", "-q", "-19"], input=data, stdout=subprocess.PIPE, check=True).stdout


COMPRESSORS = {
    "plain": lambda data: data,
    "gzip": lambda data: gzip.compress(data[:70_000], 9, mtime=0) + gzip.compress(data[70_000:], 1, mtime=0),
    "bzip2": lambda data: bz2.compress(data[:70_000]) + bz2.compress(data[70_000:]),
    "xz": lambda data: lzma.compress(data),
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "zstd": lambda data: zstd(data[:70_000]) + zstd(data[70_000:]),
}


def text(seed):
    """300 KB that compress as a text does."""
    words = [hashlib.sha256(f"{seed}{number}".encode()).hexdigest()[:7] for number in range(500)]
    order = hashlib.shake_256(seed.encode()).digest(80_000)
    picked = (words[(order[at] << 8 | order[at + 1]) % 500] for at in range(0, len(order), 2))
    return "\n".join(picked).encode()


def tar(files):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, contents in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(contents), 0o755
            archive.addfile(entry, io.BytesIO(contents))
    return made.getvalue()


class Image:
    """All that the registry has, by digest."""

    def __init__(self, expected):
        self.blobs = {}
        shared = []
        for name, compress in COMPRESSORS.items():
            contents = text(name)
            with open(os.path.join(expected, name), "wb") as file:
                file.write(contents)
            shared.append(self.layer(tar({f"data/{name}": contents}), compress))
        manifests = []
        for arch, (architecture, variant) in ARCHITECTURES.items():
            program = f"dist/chroot-distro-{arch}"
            if os.path.exists(program):
                with open(program, "rb") as file:
                    first = self.layer(tar({"bin/cd-probe": file.read()}), COMPRESSORS["zstd"])
                manifests.append(self.manifest(architecture, variant, [first, *shared]))
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests}
        self.index = self.blob(json.dumps(index).encode(), index["mediaType"])["digest"]

    def blob(self, data, media_type):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self.blobs[digest] = (data, media_type)
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def layer(self, data, compress):
        # The media type says gzip of all of them, and lies.
        descriptor = self.blob(compress(data), "application/vnd.oci.image.layer.v1.tar+gzip")
        return descriptor, "sha256:" + hashlib.sha256(data).hexdigest()

    def manifest(self, architecture, variant, layers):
        platform = {"architecture": architecture, "os": "linux"}
        if variant:
            platform["variant"] = variant
        config = {**platform, "config": {"Entrypoint": ["/bin/cd-probe"]},
                  "rootfs": {"type": "layers", "diff_ids": [diff_id for _, diff_id in layers]}}
        media_type = "application/vnd.oci.image.manifest.v1+json"
        manifest = {"schemaVersion": 2, "mediaType": media_type,
                    "config": self.blob(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
                    "layers": [descriptor for descriptor, _ in layers]}
        return {**self.blob(json.dumps(manifest).encode(), media_type), "platform": platform}


def handler(image):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            digest = image.index if self.path == "/v2/check/manifests/1" else self.path.rsplit("/", 1)[-1]
            data, media_type = image.blobs.get(digest, (b"{}", "application/json"))
            self.send_response(200 if digest in image.blobs or self.path == "/v2/" else 404)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    return Handler


def name_server(listener):
    """A records of one name; of any other there is none."""
    while True:
        query, client = listener.recvfrom(512)
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        question = query[12:at + 5]
        known = ".".join(labels).lower() == NAME
        answers = b""
        if known and question[-4:] == b"\0\1\0\1":
            answers = b"\xc0\x0c\0\1\0\1" + struct.pack(">IH", 60, 4) + bytes([127, 0, 0, 1])
        flags = 0x8580 if known else 0x8583
        header = query[:2] + struct.pack(">HHHHH", flags, 1, 1 if answers else 0, 0, 0)
        listener.sendto(header + question + answers, client)


def raise_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        up = struct.pack("16sh14x", b"lo", 0x1 | 0x40)
        fcntl.ioctl(any_socket, 0x8914, up)  # SIOCSIFFLAGS


def main():
    certificate, key, expected = sys.argv[1:]
    raise_loopback()
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    names.bind(("127.0.0.1", 53))
    os.mkdir(expected + ".new")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 443), handler(Image(expected + ".new")))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=name_server, args=[names], daemon=True).start()
    os.rename(expected + ".new", expected)
    server.serve_forever()


main()
