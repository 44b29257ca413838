//! The models that a chain starts with.

use super::mock::*;
use crate::{GenesisConfig, GenesisModel, Models};
use blyan_primitives::{traits::ExpertRegistry, ExpertHead, JobBody, ModelBody, ModelInfo};

#[test]
fn genesis_registers_the_models_in_order() {
	let second = GenesisModel { name: "second".into(), ..genesis_model() };
	ExtBuilder::default().models(vec![genesis_model(), second]).build_and_check(|| {
		assert_eq!(
			Experts::model(0),
			Some(ModelInfo {
				id: 0,
				name: b"tiny".to_vec(),
				body: ModelBody::First { config: CONFIG, trunk: block(TRUNK) },
				version: VERSION,
				generation: 0,
				parts: Vec::new(),
				heads: (1..=4).map(|number| ExpertHead { version: 0, block: block(number) }).collect(),
			})
		);
		assert_eq!(Experts::model(1).unwrap().name, b"second");
		assert_eq!(Models::<Test>::get(0).unwrap().owner, None);
		assert_eq!(Experts::model(2), None);
		assert_eq!((Experts::config(1), Experts::generation(1)), (Some(CONFIG), Some(0)));
		assert_eq!((Experts::config(2), Experts::generation(2)), (None, None));
	});
}

#[test]
#[should_panic(expected = "the genesis models are valid")]
fn genesis_panics_when_a_model_lacks_an_expert() {
	let mut model = genesis_model();
	model.heads.pop();
	ExtBuilder::default().models(vec![model]).build();
}

#[test]
fn genesis_reads_a_manifest_whatever_else_it_says() {
	let mut manifest = serde_json::to_value(genesis_model()).unwrap();
	manifest["training"] = serde_json::json!({ "steps": 10 });
	let config = serde_json::json!({ "models": [manifest] });
	let config: GenesisConfig<Test> = serde_json::from_value(config).unwrap();
	assert_eq!(config.models, [genesis_model()]);
}

#[test]
fn genesis_reads_a_model_of_the_second_definition_whose_record_is_in_hexadecimal_digits() {
	let open = OpenModel::of("mixtral");
	let model = GenesisModel {
		body: JobBody::Second { architecture: open.record.to_vec(), parts: open.parts.to_vec() },
		heads: open.heads.to_vec(),
		..genesis_model()
	};
	let mut json = serde_json::to_value(&model).unwrap();
	let digits = json["architecture"].as_str().unwrap().trim_start_matches("0x").to_owned();
	json["architecture"] = digits.into();
	assert_eq!(serde_json::from_value::<GenesisModel>(json).unwrap(), model);
	ExtBuilder::default().models(vec![genesis_model(), model]).build_and_check(|| {
		assert_eq!(Experts::model_root(1), Some(open.root()));
		assert_eq!(Models::<Test>::get(1).unwrap().owner, None);
	});
}
