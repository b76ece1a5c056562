"""Real models without most of their layers: same tokenizer, template and metadata, less to compute.

What such a model answers means little. It serves where the subject is how runs land, stop and go
on, not what a model says.
"""

import struct
from pathlib import Path

from valuescope.scorer.models.gguf_header import Tensor, read_header

_UINT32, _ALIGNMENT = 4, 32


def write_first_layers(source: Path, target: Path, layers: int) -> None:
    """Write a GGUF of the first `layers` layers of `source`, bit for bit.

    The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
    """
    header, content = read_header(source), source.read_bytes()
    places = sorted(header.tensors, key=lambda tensor: tensor.offset)
    ends = [*(tensor.offset for tensor in places[1:]), len(content) - header.data_start]
    kept = [
        (tensor, content[header.data_start + tensor.offset : header.data_start + end])
        for tensor, end in zip(places, ends, strict=True)
        if not tensor.name.startswith("blk.") or int(tensor.name.split(".")[1]) < layers
    ]
    metadata = bytearray(content[: content.index(_text(header.tensors[0].name))])
    struct.pack_into("<Q", metadata, 8, len(kept))
    stated = _text(f"{header.architecture}.block_count") + struct.pack("<I", _UINT32)
    struct.pack_into("<I", metadata, metadata.index(stated) + len(stated), layers)
    described, data = bytearray(), bytearray()
    for tensor, values in kept:
        described += _description(tensor, len(data))
        data += _padded(values)
    target.write_bytes(_padded(bytes(metadata + described)) + data)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _description(tensor: Tensor, offset: int) -> bytes:
    dimensions = len(tensor.shape)
    place = struct.pack(f"<I{dimensions}QIQ", dimensions, *tensor.shape, tensor.type_number, offset)
    return _text(tensor.name) + place


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % _ALIGNMENT)
