use super::*;
use crate::{
	block::{write_expert, write_trunk, BlockShape, TensorBlock},
	quantise,
};
use ::safetensors::{tensor::TensorView, Dtype, SafeTensors};
use blyan_exact::{golden, Expert, ModelConfig, Scale};
use half::{bf16, f16};
use proptest::prelude::*;
use std::collections::HashMap;

const SHAPE: BlockShape = BlockShape::Expert { d_model: 64, d_ff: 128 };

/// A file's tensors, to be changed and written again.
#[derive(Clone, Default)]
struct Tensors(Vec<(String, Dtype, Vec<usize>, Vec<u8>)>, Option<String>);

impl Tensors {
	fn read(file: &[u8]) -> Self {
		let source = SafeTensors::deserialize(file).unwrap();
		let (_, metadata) = SafeTensors::read_metadata(file).unwrap();
		let tensors = source.iter().map(|(name, view)| {
			(name.to_string(), view.dtype(), view.shape().to_vec(), view.data().to_vec())
		});
		let description = metadata.metadata().as_ref().and_then(|metadata| metadata.get("blyan").cloned());
		Self(tensors.collect(), description)
	}

	fn with(mut self, name: &str, kind: Dtype, dims: &[usize], bytes: Vec<u8>) -> Self {
		self.0.retain(|tensor| tensor.0 != name);
		self.0.push((name.into(), kind, dims.to_vec(), bytes));
		self
	}

	fn without(mut self, name: &str) -> Self {
		self.0.retain(|tensor| tensor.0 != name);
		self
	}

	fn described(mut self, description: Option<&str>) -> Self {
		self.1 = description.map(Into::into);
		self
	}

	fn write(&self) -> Vec<u8> {
		let views = self.0.iter().map(|(name, kind, dims, bytes)| {
			(name.clone(), TensorView::new(*kind, dims.clone(), bytes).unwrap())
		});
		let metadata = self.1.clone().map(|text| HashMap::from([("blyan".to_string(), text)]));
		::safetensors::serialize(views, metadata).unwrap()
	}

	fn error(&self) -> String {
		import(&self.write(), None).unwrap_err().to_string()
	}
}

fn golden_expert() -> Expert {
	golden::model().experts[0].clone()
}

fn golden_file() -> Vec<u8> {
	write_expert(&golden_expert(), &golden::CONFIG).unwrap()
}

fn exported() -> Tensors {
	Tensors::read(&export(&TensorBlock::from_bytes(golden_file(), SHAPE).unwrap()).unwrap())
}

fn f32_bytes(values: &[f32]) -> Vec<u8> {
	values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[test]
fn round_trip_names_every_tensor_of_the_definition() {
	let golden = golden::model();
	let file = write_trunk(&golden.trunk, &golden.config).unwrap();
	let block = TensorBlock::from_bytes(file.clone(), BlockShape::Trunk(golden.config)).unwrap();
	let exported = export(&block).unwrap();
	assert_eq!(exported, export(&block).unwrap());
	let source = SafeTensors::deserialize(&exported).unwrap();
	let wk = source.tensor("layers.1.wk").unwrap();
	assert_eq!((wk.dtype(), wk.shape()), (Dtype::I8, &[64, 64][..]));
	let weights: Vec<i8> = wk.data().iter().map(|&byte| byte as i8).collect();
	assert_eq!(weights, golden.trunk.layers[1].wk.weights);
	assert_eq!(source.tensor("rotary").unwrap().shape(), [64, 16, 2]);
	let scale = source.tensor("layers.1.router.scale").unwrap().data().try_into().unwrap();
	let scale = Scale::from_f64_bits(u64::from_le_bytes(scale)).unwrap();
	assert_eq!(scale, golden.trunk.layers[1].router.scale);
	let imported = import(&exported, None).unwrap();
	assert_eq!((imported.shape, imported.file), (BlockShape::Trunk(golden.config), file));
	assert!(imported.rounded.is_empty());
}

#[test]
fn floats_are_rounded_as_training_does() {
	let count = 64 * 128;
	let noise = |seed: u32| {
		let values =
			(0..count as u32).map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 8) as f32);
		values.map(|value| value / (1 << 24) as f32 - 0.5).collect::<Vec<f32>>()
	};
	let (up, down) = (noise(1), noise(77));
	let gain: Vec<f32> = (0..128).map(|i| 1.0 + i as f32 / 512.0).collect();
	let halves: Vec<u8> = up.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect();
	let brains: Vec<u8> = down.iter().flat_map(|value| bf16::from_f32(*value).to_le_bytes()).collect();
	let file = Tensors::default()
		.with("up", Dtype::F16, &[128, 64], halves)
		.with("gain", Dtype::F32, &[128], f32_bytes(&gain))
		.with("down", Dtype::BF16, &[64, 128], brains)
		.write();
	let imported = import(&file, None).unwrap();
	assert_eq!((imported.shape, imported.rounded.len()), (SHAPE, 3));
	let expert = TensorBlock::from_bytes(imported.file, SHAPE).unwrap().to_expert().unwrap();
	let up: Vec<f32> = up.iter().map(|value| f16::from_f32(*value).to_f32()).collect();
	let down: Vec<f32> = down.iter().map(|value| bf16::from_f32(*value).to_f32()).collect();
	assert_eq!(expert.up, quantise::ternary(&up, 128, 64, "up").unwrap());
	assert_eq!(expert.down, quantise::ternary(&down, 64, 128, "down").unwrap());
	assert_eq!(expert.gain, quantise::gains(&gain));
	// 256.5 goes to the even neighbour.
	assert_eq!(expert.gain[..3], [256, 256, 257]);
	assert!(expert.up.weights.contains(&-1) && expert.up.weights.contains(&0));
}

#[test]
fn floats_that_are_the_weights_themselves_stay_what_they_are() {
	// alpha is the mean magnitude, so weights of magnitude alpha with no zero among them are their own rounding.
	let signs: Vec<f32> = (0..64 * 128).map(|i| if i % 3 == 0 { 0.25 } else { -0.25 }).collect();
	let file = exported().without("up.scale").with("up", Dtype::F32, &[128, 64], f32_bytes(&signs)).write();
	let imported = import(&file, Some(SHAPE)).unwrap();
	assert_eq!(imported.rounded, ["up"]);
	let expert = TensorBlock::from_bytes(imported.file, SHAPE).unwrap().to_expert().unwrap();
	assert_eq!(expert.up.scale, Scale::from_f64_bits(0.25_f64.to_bits()).unwrap());
	assert!(expert.up.weights.iter().zip(&signs).all(|(w, s)| f32::from(*w) * 0.25 == *s));
	assert_eq!(expert.down, golden_expert().down);
}

#[test]
fn a_trunk_without_its_rotary_table_gets_that_of_training() {
	let golden = golden::model();
	let trunk = BlockShape::Trunk(golden.config);
	let file = write_trunk(&golden.trunk, &golden.config).unwrap();
	let tensors = Tensors::read(&export(&TensorBlock::from_bytes(file, trunk).unwrap()).unwrap());
	let imported = import(&tensors.clone().without("rotary").write(), None).unwrap();
	assert_eq!(imported.rounded, ["rotary"]);
	let trunk = TensorBlock::from_bytes(imported.file, trunk).unwrap().to_trunk().unwrap();
	let table = quantise::rotary_table(&golden.config);
	assert_eq!(trunk.rotary.as_flattened(), table);
	assert!(tensors.described(None).error().contains("a trunk needs the metadata"));
}

#[test]
fn refusals_say_what_to_do() {
	let good = exported();
	assert_eq!(import(&good.write(), Some(SHAPE)).unwrap().file, golden_file());
	assert_eq!(import(&good.clone().described(None).write(), None).unwrap().file, golden_file());
	let cases = [
		(good.clone().without("down"), "tensor `down` is missing: add it with shape [64, 128]"),
		(
			good.clone().with("gain", Dtype::I16, &[64], vec![0; 128]),
			"tensor `gain` has shape [64], expected [128]",
		),
		(
			good.clone().with("up_proj", Dtype::I8, &[1], vec![0]),
			"tensor `up_proj` has no place in it; the tensors are up, gain, down. Remove or rename it",
		),
		(
			good.clone().with("gain", Dtype::U8, &[128], vec![0; 128]),
			"tensor `gain` is of type U8, expected I16 (Q8) or a float: F32, F16, BF16 or F64",
		),
		(
			good.clone().with("up", Dtype::I8, &[128, 64], [vec![0; 70], vec![3; 8_122]].concat()),
			"tensor `up` holds 3 at [1, 6]: an I8 weight here is -1, 0 or 1",
		),
		(
			good.clone().without("up.scale"),
			"tensor `up.scale` is missing: `up` holds integers, whose real value it says",
		),
		(
			good.clone().with("up", Dtype::F32, &[128, 64], vec![0; 4 * 8_192]),
			"tensor `up.scale` contradicts `up`, which holds floats",
		),
		(
			good.clone().without("up.scale").with(
				"up",
				Dtype::F32,
				&[128, 64],
				f32_bytes(&[f32::NAN; 8_192]),
			),
			"tensor `up` holds NaN as number 0",
		),
		(
			good.clone().without("up.scale").with("up", Dtype::F32, &[128, 64], f32_bytes(&[9e9; 8_192])),
			"of up is out of range",
		),
		(
			good.clone().with("up.scale", Dtype::F32, &[1], f32_bytes(&[-1.0])),
			"tensor `up.scale` is -1: a scale is at least 0 and below 4096",
		),
		(
			good.clone().with("up.scale", Dtype::F32, &[2], f32_bytes(&[1.0; 2])),
			"tensor `up.scale` has shape [2], expected []",
		),
		(good.clone().described(Some("an expert")), "the metadata `blyan` is not understood"),
		(
			good.clone().described(Some(r#"{"kind":"expert","d_model":64,"d_ff":192}"#)),
			"tensor `up` has shape [128, 64], expected [192, 64]",
		),
		(
			good.clone().described(Some(r#"{"kind":"expert","d_model":65535,"d_ff":65535}"#)),
			"no model has this shape: d_model must be a multiple of 64",
		),
		(Tensors::default(), "nothing says what this file holds"),
	];
	for (tensors, expected) in cases {
		let error = tensors.error();
		assert!(error.contains(expected), "{error}\n{expected}");
	}
	let wider = BlockShape::Expert { d_model: 64, d_ff: 192 };
	assert_eq!(
		import(&good.write(), Some(wider)).unwrap_err().to_string(),
		"the file holds an expert of d_model 64 and d_ff 128, and an expert of d_model 64 and d_ff 192 is needed"
	);
}

#[test]
fn lying_headers_are_refused_before_they_are_read() {
	let good = exported().write();
	let with_len = |len: u64| {
		let mut file = good.clone();
		file[..8].copy_from_slice(&len.to_le_bytes());
		import(&file, None).unwrap_err()
	};
	assert!(matches!(with_len(HEADER_BYTES_MAX + 1), SafetensorsError::HeaderTooLarge(_)));
	assert!(matches!(with_len(u64::MAX), SafetensorsError::HeaderTooLarge(_)));
	for len in [0, 1, 100, HEADER_BYTES_MAX] {
		assert!(matches!(with_len(len), SafetensorsError::Format(_)), "{len}");
	}
	for len in 0..good.len() {
		assert!(import(&good[..len], None).is_err(), "{len}");
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(32))]

	#[test]
	fn round_trip(seed: [u8; 8], d in 1_u16..=3, hidden in 1_u16..=5, layers in 1_u8..=2, experts in 1_u16..=3) {
		let config = ModelConfig {
			d_model: 64 * d, d_ff: 64 * hidden, layers, heads: d as u8, experts, top_k: 1, context: 8,
		};
		let model = golden::random_model(config, &seed);
		let files = [
			(BlockShape::Trunk(config), write_trunk(&model.trunk, &config).unwrap()),
			(BlockShape::expert_of(&config), write_expert(&model.experts[0], &config).unwrap()),
		];
		for (shape, file) in files {
			let exported = export(&TensorBlock::from_bytes(file.clone(), shape).unwrap()).unwrap();
			let imported = import(&exported, None).unwrap();
			prop_assert_eq!(imported.shape, shape);
			prop_assert_eq!(&imported.file, &file);
			prop_assert_eq!(import(&exported, Some(shape)).unwrap().file, file);
		}
	}

	#[test]
	fn scales_of_every_size_survive(mantissa in 1_u32 << 31.., exponent in 20_u8..=62, zero: bool) {
		let scale = if zero { Scale::default() } else { Scale::new(mantissa, exponent).unwrap() };
		let mut expert = golden_expert();
		expert.down.scale = scale;
		let file = write_expert(&expert, &golden::CONFIG).unwrap();
		let exported = export(&TensorBlock::from_bytes(file.clone(), SHAPE).unwrap()).unwrap();
		prop_assert_eq!(import(&exported, None).unwrap().file, file);
	}
}
