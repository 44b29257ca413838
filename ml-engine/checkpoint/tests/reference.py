"""Writes tests/golden: small random checkpoints of each family, and what transformers and gguf compute from them.

    pip install -r requirements.txt && python reference.py

Every family gets a directory as `save_pretrained` writes it, in bfloat16, and `logits.f32`: the logits of TOKENS in single
precision, little-endian, [tokens, vocabulary]. Those that GGUF has get a `model.gguf`, written by the `gguf` package with its
own table of names; rows of Llama's queries and keys are permuted as llama.cpp's converter does. `quants.gguf` holds random
groups of each encoding, `quants.f32` what `gguf` decodes them to. tests/transformers.rs compares.
"""

import json
import os
import pathlib
import shutil

os.environ["TORCHDYNAMO_DISABLE"] = "1"

import gguf
import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers.integrations import bitnet
from transformers.utils.quantization_config import BitNetQuantConfig

GOLDEN = pathlib.Path(__file__).parent / "golden"
VOCABULARY = 96
TOKENS = [(37 * i + 11) % VOCABULARY for i in range(20)]
LAYERS = 2

SHAPE = dict(
    vocab_size=VOCABULARY,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=LAYERS,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    rms_norm_eps=1e-5,
    bos_token_id=1,
    eos_token_id=2,
)
LLAMA3 = dict(
    rope_type="llama3",
    factor=8.0,
    low_freq_factor=1.0,
    high_freq_factor=4.0,
    original_max_position_embeddings=16,
)
EXPERTS = dict(num_experts=4, num_experts_per_tok=2)

# Name of the family, class of its configuration, changes to SHAPE, name of its architecture in GGUF.
FAMILIES = [
    ("llama", transformers.LlamaConfig, dict(tie_word_embeddings=True, rope_theta=100000.0), "llama"),
    ("llama3", transformers.LlamaConfig, dict(rope_scaling=LLAMA3), "llama"),
    (
        "mixtral",
        transformers.MixtralConfig,
        dict(num_local_experts=4, num_experts_per_tok=2, intermediate_size=24),
        "llama",
    ),
    ("qwen2", transformers.Qwen2Config, dict(), "qwen2"),
    (
        "qwen2_moe",
        transformers.Qwen2MoeConfig,
        dict(EXPERTS, moe_intermediate_size=16, shared_expert_intermediate_size=32),
        "qwen2moe",
    ),
    ("qwen3", transformers.Qwen3Config, dict(head_dim=16, tie_word_embeddings=True), "qwen3"),
    (
        "qwen3_moe",
        transformers.Qwen3MoeConfig,
        dict(EXPERTS, head_dim=16, moe_intermediate_size=16, norm_topk_prob=True),
        "qwen3moe",
    ),
    ("olmoe", transformers.OlmoeConfig, dict(EXPERTS, num_key_value_heads=4, intermediate_size=24), "olmoe"),
    ("bitnet", transformers.BitNetConfig, dict(tie_word_embeddings=True), None),
]


def randomise(model, seed):
    """Gives every weight a value that bfloat16 holds; norms vary around one, biases are not zero."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        noise = torch.randn(weight.shape, generator=generator)
        value = 1 + 0.2 * noise if name.endswith("norm.weight") else 0.25 * noise
        weight.data = value.to(torch.bfloat16).float()


def write_logits(model, directory):
    with torch.no_grad():
        logits = model.eval()(torch.tensor([TOKENS])).logits[0]
    np.asarray(logits.float(), dtype="<f4").tofile(directory / "logits.f32")


def fresh(name):
    directory = GOLDEN / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


def write_family(index, name, config_class, changes, architecture):
    directory = fresh(name)
    config = config_class(**{**SHAPE, **changes})
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").float()
    randomise(model, index)
    write_logits(model, directory)
    shards = "30KB" if name == "qwen2" else "1GB"
    model.to(torch.bfloat16).save_pretrained(directory, max_shard_size=shards)
    if architecture:
        write_gguf(directory, config, architecture)


def weights(directory):
    tensors = {}
    for path in sorted(directory.glob("*.safetensors")):
        tensors.update(load_file(path))
    return tensors


def interleave(weight, heads):
    """Halves of each head to pairs, as llama.cpp's convert_hf_to_gguf does (LlamaModel.permute)."""
    shape = weight.shape
    return weight.reshape(heads, 2, shape[0] // heads // 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def write_gguf(directory, config, architecture):
    writer = gguf.GGUFWriter(directory / "model.gguf", architecture)
    writer.add_name(directory.name)
    writer.add_license("apache-2.0")
    writer.add_block_count(LAYERS)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_theta)
    if getattr(config, "head_dim", None):
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
    experts = getattr(config, "num_experts", None) or getattr(config, "num_local_experts", None)
    if experts:
        writer.add_expert_count(experts)
        writer.add_expert_used_count(config.num_experts_per_tok)
    if hasattr(config, "moe_intermediate_size"):
        writer.add_expert_feed_forward_length(config.moe_intermediate_size)
    if hasattr(config, "shared_expert_intermediate_size"):
        writer.add_expert_shared_feed_forward_length(config.shared_expert_intermediate_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([f"t{token}" for token in range(VOCABULARY)])
    writer.add_bos_token_id(config.bos_token_id)
    writer.add_eos_token_id(config.eos_token_id)
    arch = next(key for key, value in gguf.MODEL_ARCH_NAMES.items() if value == architecture)
    names = gguf.get_tensor_name_map(arch, LAYERS)
    for name, tensor in stacked(weights(directory), experts or 0).items():
        array = tensor.float().numpy()
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
        for part, count in heads.items():
            if architecture == "llama" and part in name:
                array = interleave(array, count)
        array = np.ascontiguousarray(array.squeeze())
        target = names.get_name(name, try_suffixes=(".weight", ".bias"))
        # Norms and biases stay in single precision, as converters leave them.
        if array.ndim == 1:
            writer.add_tensor(target, array)
        else:
            kind = gguf.GGMLQuantizationType.BF16
            writer.add_tensor(target, gguf.quantize(array, kind), raw_dtype=kind)
    if getattr(config, "rope_scaling", None):
        writer.add_tensor("rope_freqs.weight", rope_divisors(config))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def rope_divisors(config):
    """Divisors of frequencies by Llama 3's scaling, as llama.cpp's convert_hf_to_gguf computes them."""
    scaling = config.rope_scaling
    size = config.hidden_size // config.num_attention_heads
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    divisors = []
    for pair in range(size // 2):
        wavelength = 2 * np.pi * config.rope_theta ** (2 * pair / size)
        ratio = scaling["original_max_position_embeddings"] / wavelength
        share = min(max((ratio - low) / (high - low), 0), 1)
        divisors.append(1 / ((1 - share) / scaling["factor"] + share))
    return np.array(divisors, np.float32)


def stacked(tensors, experts):
    """Puts the matrices of all experts of a layer into one tensor, under the name that `gguf` knows it by."""
    out = {name: tensor for name, tensor in tensors.items() if ".experts." not in name}
    for name in tensors:
        if ".experts.0." in name:
            rows = [tensors[name.replace(".experts.0.", f".experts.{e}.")] for e in range(experts)]
            out[name.replace(".experts.0.", ".experts.")] = torch.stack(rows)
    return out


def write_bitnet(name, linear_class, mode):
    """BitNet with the matrices of its layers in one of the three forms that transformers knows."""
    directory = fresh(name)
    quantisation = BitNetQuantConfig(linear_class=linear_class, quantization_mode=mode)
    config = transformers.BitNetConfig(**{**SHAPE, "tie_word_embeddings": True})
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").float()
    randomise(model, 99)
    master = {key: value.clone() for key, value in model.state_dict().items()}
    model, _ = bitnet._replace_with_bitnet_linear(model, ["lm_head"], quantization_config=quantisation)
    state = {}
    for key, value in master.items():
        if key.endswith("proj.weight") and mode == "offline":
            scale = value.abs().mean().to(torch.bfloat16).float()
            ternary = (value / scale).round().clamp(-1, 1)
            state[key] = bitnet.pack_weights(ternary.clone())
            factor = scale if linear_class == "autobitlinear" else 1 / scale
            state[key + "_scale"] = factor.to(torch.bfloat16).float().reshape(1)
        elif key != "lm_head.weight":
            state[key] = value
    model.to_empty(device="cpu")
    rotary = transformers.AutoModelForCausalLM.from_config(config).model.rotary_emb
    model.model.rotary_emb = rotary
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    model.tie_weights()
    for module in model.modules():
        if isinstance(module, bitnet.BitLinear):
            module.dtype = torch.float32
    write_logits(model, directory)
    saved = {key: value if value.dtype == torch.uint8 else value.to(torch.bfloat16) for key, value in state.items()}
    save_file(saved, directory / "model.safetensors", metadata={"format": "pt"})
    config.architectures = ["BitNetForCausalLM"]
    written = config.to_dict()
    written["quantization_config"] = quantisation.to_dict()
    (directory / "config.json").write_text(json.dumps(written, indent=2, sort_keys=True, default=str) + "\n")


def write_quants():
    """Random groups of every encoding: 4 rows of 256 elements each."""
    kinds = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"]
    random = np.random.default_rng(5)
    writer = gguf.GGUFWriter(GOLDEN / "quants.gguf", "llama")
    decoded = []
    for name in kinds:
        kind = gguf.GGMLQuantizationType[name]
        rows = random.standard_normal((4, 256)).astype(np.float32)
        if name.endswith("_K"):
            # `gguf` decodes these, but does not encode them: random codes with finite scales.
            _, group_bytes = gguf.GGML_QUANT_SIZES[kind]
            data = random.integers(0, 256, (4, group_bytes), dtype=np.uint8)
            scale = np.frombuffer(np.float16(0.01).tobytes(), np.uint8)
            if name == "Q6_K":
                data[:, -2:] = scale
            else:
                data[:, :2] = scale
                data[:, 2:4] = scale
        else:
            data = gguf.quantize(rows, kind)
        writer.add_tensor(name.lower(), data, raw_dtype=kind)
        decoded.append(gguf.dequantize(data, kind).reshape(4, 256))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    np.concatenate(decoded).astype("<f4").tofile(GOLDEN / "quants.f32")


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    transformers.logging.set_verbosity_error()
    for index, family in enumerate(FAMILIES):
        write_family(index, *family)
    write_bitnet("bitnet_packed", "autobitlinear", "offline")
    write_bitnet("bitnet_divided", "bitlinear", "offline")
    write_bitnet("bitnet_master", "autobitlinear", "online")
    write_quants()
