"""Real models without most of their layers: same tokenizer, template and metadata, less to compute.

What such a model answers means little. It serves where the subject is how runs land, stop and go
on, not what a model says.
"""

from pathlib import Path

from gguf import GGUFReader, GGUFValueType, GGUFWriter


def write_first_layers(source: Path, target: Path, layers: int) -> None:
    """Write a GGUF of the first `layers` layers of `source`, bit for bit."""
    reader = GGUFReader(source)
    architecture = str(reader.fields["general.architecture"].contents())
    writer = GGUFWriter(target, architecture)
    for name, field in reader.fields.items():
        # The writer states those itself.
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        value = layers if name == f"{architecture}.block_count" else field.contents()
        is_array = field.types[0] == GGUFValueType.ARRAY
        writer.add_key_value(name, value, field.types[0], field.types[-1] if is_array else None)
    for tensor in reader.tensors:
        kind, _, rest = tensor.name.partition(".")
        if kind != "blk" or int(rest.split(".")[0]) < layers:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
