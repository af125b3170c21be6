#!/usr/bin/env python3
"""embed.py NAME INPUT OUTPUT: a file as a C array, aligned as libbpf wants an object to be."""
import sys
from pathlib import Path

name, source, target = sys.argv[1:]
body = Path(source).read_bytes()
rows = [",".join(map(str, body[at:at + 32])) for at in range(0, len(body), 32)]
Path(target).write_text(f"static const unsigned char {name}[] __attribute__((aligned(8))) = {{\n" + ",\n".join(rows) + "\n};\n")
