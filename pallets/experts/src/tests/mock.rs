//! A chain with only this pallet, and the words in which the stories are told.

use crate::{self as pallet_experts, ArchitectureRecord, GenesisConfig, GenesisModel, ModelParts, ModelSpec};
use blyan_exact::definition2::{golden, Architecture};
use blyan_primitives::{
	blocks_root, expert_bytes, part_bytes, record_id, BlobRef, BlockRef, ExpertSlot, JobBody, ModelBody,
	ModelConfig, ModelVersion, Slots,
};
use frame_support::{derive_impl, traits::ConstU32, BoundedVec};
use frame_system::EnsureRoot;
use sp_core::H256;
use sp_runtime::BuildStorage;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Experts: pallet_experts,
	}
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = frame_system::mocking::MockBlock<Test>;
}

impl pallet_experts::Config for Test {
	type RegisterOrigin = EnsureRoot<u64>;
	type MaxModels = ConstU32<3>;
	type MaxSlots = ConstU32<16>;
	type MaxBlockBytes = ConstU32<{ 16 << 20 }>;
	type MaxPartBytes = ConstU32<{ 1 << 30 }>;
	type MaxHistory = ConstU32<3>;
	type MaxKept = ConstU32<4>;
	type WeightInfo = ();
}

pub const ALICE: u64 = 1;
pub const BOB: u64 = 2;

/// Two layers of two experts.
pub const CONFIG: ModelConfig =
	ModelConfig { d_model: 64, d_ff: 64, layers: 2, heads: 1, experts: 2, top_k: 1, context: 64 };

pub const VERSION: ModelVersion = ModelVersion { major: 1, minor: 2, patch: 3 };

/// A block that no other number has.
pub fn block(number: u32) -> BlockRef {
	BlockRef {
		tensor_root: H256::from_low_u64_be(u64::from(number) + 1_000_000),
		blob: BlobRef { hash: H256::from_low_u64_be(number.into()), size: number },
	}
}

/// The genesis model's trunk.
pub const TRUNK: u32 = 100;

pub fn spec() -> ModelSpec {
	ModelSpec {
		name: b"tiny".to_vec().try_into().unwrap(),
		body: ModelBody::First { config: CONFIG, trunk: block(TRUNK) },
		version: VERSION,
		compatible_from: VERSION,
	}
}

/// A model of the second definition, as its registration states it.
#[derive(Clone)]
pub struct OpenModel {
	pub architecture: Architecture,
	pub spec: ModelSpec,
	pub record: ArchitectureRecord,
	pub parts: ModelParts,
	pub heads: BoundedVec<BlockRef, ConstU32<16>>,
}

impl OpenModel {
	/// The model of a golden family, with blocks of the lengths that follow from it.
	pub fn of(family: &str) -> Self {
		let (_, architecture) = golden::ARCHITECTURES.into_iter().find(|(name, _)| *name == family).unwrap();
		Self::with(architecture())
	}

	pub fn with(architecture: Architecture) -> Self {
		let record = architecture.to_bytes();
		let parts = (200..).zip(architecture.parts());
		let parts: Vec<_> =
			parts.map(|(number, part)| sized(number, part_bytes(&architecture, part))).collect();
		let slots = Slots::second(&architecture);
		let heads = (300..).zip(slots.iter());
		let heads: Vec<_> =
			heads.map(|(number, (layer, _))| sized(number, expert_bytes(&architecture, layer))).collect();
		let body = ModelBody::Second { architecture: record_id(&record), parts: blocks_root(&parts) };
		Self {
			architecture,
			spec: ModelSpec { body, ..spec() },
			record: record.try_into().unwrap(),
			parts: parts.try_into().unwrap(),
			heads: heads.try_into().unwrap(),
		}
	}

	/// The root that the definition gives the model.
	pub fn root(&self) -> H256 {
		let roots = |blocks: &[BlockRef]| -> Vec<[u8; 32]> {
			blocks.iter().map(|block| block.tensor_root.0).collect()
		};
		let (parts, heads) = (roots(&self.parts), roots(&self.heads));
		H256(blyan_exact::definition2::model_root(&self.architecture, &parts, &heads))
	}

	pub fn register(self) -> sp_runtime::DispatchResult {
		let Self { spec, record, parts, heads, .. } = self;
		Experts::register_open_model(RuntimeOrigin::root(), spec, record, parts, Some(ALICE), heads)
	}
}

/// A block of this number, and of a length of its own.
pub fn sized(number: u32, bytes: Option<u64>) -> BlockRef {
	let size = u32::try_from(bytes.unwrap()).unwrap();
	BlockRef { blob: BlobRef { size, ..block(number).blob }, ..block(number) }
}

pub fn blocks(numbers: impl IntoIterator<Item = u32>) -> BoundedVec<BlockRef, ConstU32<16>> {
	numbers.into_iter().map(block).collect::<Vec<_>>().try_into().unwrap()
}

pub fn slot(layer: u8, expert: u16) -> ExpertSlot {
	ExpertSlot { model: 0, layer, expert }
}

pub fn genesis_model() -> GenesisModel {
	GenesisModel {
		name: "tiny".into(),
		body: JobBody::First { config: CONFIG, trunk: block(TRUNK) },
		version: VERSION,
		heads: (1..=4).map(block).collect(),
	}
}

/// The world: by default one model, with the blocks 1 to 4 as its experts, in block 1.
pub struct ExtBuilder {
	models: Vec<GenesisModel>,
}

impl Default for ExtBuilder {
	fn default() -> Self {
		Self { models: vec![genesis_model()] }
	}
}

impl ExtBuilder {
	pub fn models(mut self, models: Vec<GenesisModel>) -> Self {
		self.models = models;
		self
	}

	pub fn build(self) -> sp_io::TestExternalities {
		let storage = RuntimeGenesisConfig {
			experts: GenesisConfig { models: self.models, ..Default::default() },
			..Default::default()
		}
		.build_storage()
		.unwrap();
		let mut ext = sp_io::TestExternalities::new(storage);
		ext.execute_with(|| System::set_block_number(1));
		ext
	}

	pub fn build_and_check(self, story: impl FnOnce()) {
		self.build().execute_with(|| {
			story();
			Experts::do_try_state().unwrap();
		})
	}
}

/// The events of this pallet since the last time they were taken.
pub fn take_events() -> Vec<crate::Event<Test>> {
	let events = System::read_events_for_pallet();
	System::reset_events();
	events
}
