//! Needs of a model, computed: equal to what one takes that is there, and to what publishers say of theirs.
#![allow(clippy::unwrap_used)]

use blyan_exact::definition2::{golden, Trace};
use blyan_kernel::Kernel;
use blyan_open_model::{
	directory, load,
	needs::{read, Disputes, Limit, Machine, Needs, NeedsError, Preset, Sizes, Speed, Weights, PRESETS},
	Runner,
};
use std::{fs, sync::Arc};

fn sizes(name: &str) -> Sizes {
	Sizes::of(&Preset::find(name).unwrap().architecture(None).unwrap()).unwrap()
}

#[test]
fn parameters_are_those_that_publishers_count() {
	for (name, parameters) in [
		("smollm2-135m", 134_515_008),
		("smollm2-1.7b", 1_711_376_384),
		("bitnet-2b", 2_412_820_480),
		("llama-2-7b", 6_738_415_616),
		("olmoe-1b-7b", 6_919_161_856),
	] {
		assert_eq!(sizes(name).parameters, parameters, "{name}");
	}
	assert_eq!(PRESETS.len(), 5, "all presets are checked");
	// Eight experts of 64, and everything else.
	let active = sizes("olmoe-1b-7b").active_parameters;
	assert!((1_170_000_000..1_290_000_000).contains(&active), "{active}");
}

/// docs/open-models.md has these figures of the model that is there.
#[test]
fn smollm2_takes_what_it_was_measured_to_take() {
	let sizes = sizes("smollm2-135m");
	assert_eq!(sizes.position_bytes, 12_240);
	assert!((94_000_000..96_000_000).contains(&sizes.disk_bytes), "{sizes:?}");
	assert!((94_000_000..96_000_000).contains(&sizes.memory_bytes), "{sizes:?}");
	let disputes =
		Disputes::of(&Preset::find("smollm2-135m").unwrap().architecture(None).unwrap(), 256).unwrap();
	assert_eq!((disputes.operators, disputes.rounds), (457, 6));
	assert_eq!((disputes.witness_bytes.div_ceil(1_024), disputes.is_disputable), (71, true));
	assert!(disputes.witness_of.starts_with("Down"), "{disputes:?}");
}

#[test]
fn sizes_are_those_of_the_models_of_every_family() {
	for (family, (name, _)) in golden::ARCHITECTURES.iter().enumerate() {
		let model = golden::model(family);
		let sizes = Sizes::of(&model.architecture).unwrap();
		let layouts = directory::parts(&model.architecture)
			.into_iter()
			.map(|part| directory::layout(&model.architecture, part).unwrap().file_bytes());
		assert_eq!(sizes.disk_bytes, layouts.sum::<u64>(), "{name}");
		let weights = load::weights(&model.view().unwrap()).unwrap();
		assert!(sizes.memory_bytes >= weights.embedding.bytes() as u64, "{name}");
		let mut runner = Runner::new(Arc::new(weights), Kernel::best(), 1).unwrap();
		let (mut sequence, mut logits) = (runner.sequence(), Vec::new());
		runner.read(&mut sequence, &[1; 32], &mut logits).unwrap();
		assert_eq!(sequence.bytes() as u64, 32 * sizes.position_bytes, "{name}");
	}
}

#[test]
fn bytes_of_a_trace_are_those_of_a_trace() {
	for (family, (name, _)) in golden::ARCHITECTURES.iter().enumerate() {
		let model = golden::model(family);
		let trace = Trace::of(&model.view().unwrap(), &[1; 33]).unwrap();
		let outputs = (0..trace.program().operators().len()).map(|index| trace.output(index).unwrap().len());
		let disputes = Disputes::of(&model.architecture, 32).unwrap();
		assert_eq!(disputes.trace_bytes, outputs.sum::<usize>() as u64 / 32, "{name}");
	}
}

#[test]
fn a_bound_follows_the_rate_that_it_is_bounded_by() {
	let architecture = Preset::find("llama-2-7b").unwrap().architecture(None).unwrap();
	let (sizes, disputes) = (Sizes::of(&architecture).unwrap(), Disputes::of(&architecture, 256).unwrap());
	let speed = |bandwidth: f64, multiplies: f64, positions| {
		let machine = Machine::of_data_sheet("a data sheet".into(), bandwidth, multiplies);
		Speed::of(&sizes, &disputes, &machine, positions)
	};
	let before = speed(1e12, 1e14, 256);
	assert_eq!((before.decode.limit, before.prefill.limit), (Limit::Memory, Limit::Multiplies));
	assert_eq!(before.tracing_seconds, None);
	let ratio = |a: f64, b: f64| (a / b * 1_000.0).round() as i64;
	let wider = speed(2e12, 1e14, 256);
	assert_eq!(ratio(wider.decode.tokens_per_second, before.decode.tokens_per_second), 2_000);
	let faster = speed(1e12, 2e14, 256);
	assert_eq!(ratio(faster.decode.tokens_per_second, before.decode.tokens_per_second), 1_000);
	assert_eq!(ratio(faster.evaluation.tokens_per_second, before.evaluation.tokens_per_second), 2_000);
	assert_eq!(ratio(before.evaluation_seconds, faster.evaluation_seconds), 2_000);
	// Later tokens see more.
	let far = speed(1e12, 1e14, 4_096);
	assert!(far.decode.tokens_per_second < before.decode.tokens_per_second);
	// Weights of 4 bits, 20 bytes for 32, and keys and values of 256 positions: about 240 times a second.
	assert!((220.0..260.0).contains(&before.decode.tokens_per_second), "{before:?}");
}

#[test]
fn this_machine_is_measured_in_every_rate_that_a_model_needs() {
	for name in ["smollm2-135m", "bitnet-2b"] {
		let architecture = Preset::find(name).unwrap().architecture(None).unwrap();
		let needs = Needs::here(&architecture, Some(2), 256).unwrap();
		let speed = &needs.speed;
		for rate in [speed.decode, speed.prefill, speed.evaluation] {
			assert!(rate.tokens_per_second > 0.0 && rate.tokens_per_second.is_finite(), "{needs:?}");
		}
		assert!(speed.tracing_seconds.is_some_and(|seconds| seconds > 0.0), "{needs:?}");
		assert!(serde_json::to_string(&needs).unwrap().contains("\"bandwidth\""));
	}
}

#[test]
fn an_architecture_is_read_from_its_config_and_every_other_file_is_refused_by_name() {
	let directory = tempfile::tempdir().unwrap();
	let path = directory.path().join("config.json");
	assert!(matches!(read(&path, None), Err(NeedsError::File { .. })));
	let config = r#"{"model_type": "llama", "hidden_act": "silu", "hidden_size": 64, "intermediate_size": 96,
		"num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 100, "max_position_embeddings": 32,
		"rms_norm_eps": 1e-5}"#;
	fs::write(&path, config).unwrap();
	let bytes = |weights| Sizes::of(&read(&path, weights).unwrap()).unwrap().memory_bytes;
	let (int8, int4, ternary) =
		(bytes(Some(Weights::Int8)), bytes(Some(Weights::Int4)), bytes(Some(Weights::Ternary)));
	assert!(int8 > int4 && int4 > ternary, "{int8} {int4} {ternary}");
	assert_eq!(bytes(None), int4, "4 bits unless something else is said");
	fs::write(&path, &config[..40]).unwrap();
	assert!(matches!(read(&path, None), Err(NeedsError::Checkpoint(_))));
	fs::write(&path, config.replace("96", "97")).unwrap();
	assert!(matches!(read(&path, None), Err(NeedsError::Convert(_))), "{:?}", read(&path, None));
	fs::write(&path, config.replace(r#""llama""#, r#""gpt2""#)).unwrap();
	assert!(read(&path, None).unwrap_err().to_string().contains("gpt2"));
	let unknown = Preset::find("gpt-5").unwrap_err().to_string();
	assert!(unknown.contains("gpt-5") && unknown.contains("olmoe-1b-7b"), "{unknown}");
	let architecture = Preset::find("llama-2-7b").unwrap().architecture(None).unwrap();
	let machine = Machine::of_data_sheet("a data sheet".into(), 1e12, 1e14);
	assert!(matches!(Needs::on(&architecture, machine, 4_097), Err(NeedsError::Architecture(_))));
}
