//! The root of a model, kept while heads come and go.

use super::mock::*;
use crate::GenesisModel;
use blyan_primitives::{traits::ExpertRegistry, JobBody, ModelConfig};
use frame_support::assert_ok;
use sp_core::H256;

#[test]
fn model_root_is_that_of_all_heads_whatever_their_number() {
	for experts in 1..=8u16 {
		for layers in 1..=2u8 {
			let config = ModelConfig { layers, experts, ..CONFIG };
			let heads = (1..=config.slots()).map(block).collect();
			let body = JobBody::First { config, trunk: block(TRUNK) };
			let model = GenesisModel { body, heads, ..genesis_model() };
			ExtBuilder::default().models(vec![model]).build_and_check(|| {
				let computed = || {
					let model = Experts::model(0).unwrap();
					let heads: Vec<_> = model.heads.iter().map(|head| head.block.tensor_root.0).collect();
					let trunk = &block(TRUNK).tensor_root.0;
					Some(H256(blyan_exact::model_root(&config, trunk, &heads)))
				};
				assert_eq!(Experts::model_root(0), computed());
				for expert in 0..experts {
					let before = computed();
					assert_ok!(Experts::promote(
						slot(layers - 1, expert),
						0,
						&ALICE,
						block(50 + u32::from(expert))
					));
					assert_ne!(computed(), before);
					assert_eq!(Experts::model_root(0), computed());
					if expert % 2 == 0 {
						assert_ok!(Experts::revert(slot(layers - 1, expert), 1));
						assert_eq!(Experts::model_root(0), before);
					}
				}
			});
		}
	}
	ExtBuilder::default().build_and_check(|| assert_eq!(Experts::model_root(7), None));
}
