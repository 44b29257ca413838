//! Runtime API implementations, for nodes and clients.

use crate::{configs::xcm as xcm_config, *};
use alloc::{vec, vec::Vec};
use blyan_primitives::{
	evolution::{BenchmarkJob, EpochId, Template, TokenizerRef},
	traits::{BlobAnnouncements, ExpertRegistry, ServingKeys},
	ArchitectureId, BlobRef, DatasetId, DatasetRef, EvaluationJob, ExpertHead, ExpertSlot, HoldoutRef,
	ModelId, ModelInfo, OfferId, PartIndex, RequestId, SealingRules, ServingKey, SessionId, Subject,
	SubmissionId, Verdict, VoterProof,
};
use blyan_runtime_api::{
	datasets::{AuditDuty, DatasetAudit, DatasetInfo, Lineage, OfferTerms},
	delegation::{BackingInfo, PoolInfo},
	disputes::{DemandInfo, DisputeTerms, GameId, GameInfo},
	evolution::{EpochInfo, EpochSummary, EvaluationInfo, EvolutionTerms, ProposalInfo, SuccessorInfo},
	governance::{ParticipationInfo, TurnoutInfo},
	holdouts::{ChunkInfo, KeeperInfo, KeepingTerms, RoundInfo},
	serving::{CostQuote, OfferInfo, RequestInfo, SessionInfo, UsageInfo, UserInfo},
	CommitmentInfo, OffenceInfo, OperatorInfo, SubmissionInfo, SubmissionTerms,
};
use cumulus_primitives_core::{ParaId, VerifySchedulingSignature};
use frame_support::{
	genesis_builder_helper::{build_state, get_preset},
	weights::Weight,
};
use sp_api::impl_runtime_apis;
use sp_core::{crypto::KeyTypeId, Get, OpaqueMetadata, H256};
use sp_runtime::{
	traits::Block as BlockT,
	transaction_validity::{TransactionSource, TransactionValidity},
	ApplyExtrinsicResult,
};
use xcm::{
	latest::prelude::AssetId, Version as XcmVersion, VersionedAsset, VersionedAssetId, VersionedAssets,
	VersionedLocation, VersionedXcm,
};
use xcm_config::XcmConfig;
use xcm_runtime_apis::{
	dry_run::{CallDryRunEffects, Error as XcmDryRunApiError, XcmDryRunEffects},
	fees::Error as XcmPaymentApiError,
};

impl_runtime_apis! {
	impl sp_consensus_aura::AuraApi<Block, AuraId> for Runtime {
		fn slot_duration() -> sp_consensus_aura::SlotDuration {
			sp_consensus_aura::SlotDuration::from_millis(SLOT_DURATION)
		}

		fn authorities() -> Vec<AuraId> {
			pallet_aura::Authorities::<Runtime>::get().into_inner()
		}
	}

	impl sp_api::Core<Block> for Runtime {
		fn version() -> RuntimeVersion {
			VERSION
		}

		fn execute_block(block: <Block as BlockT>::LazyBlock) {
			Executive::execute_block(block)
		}

		fn initialize_block(header: &<Block as BlockT>::Header) -> sp_runtime::ExtrinsicInclusionMode {
			Executive::initialize_block(header)
		}
	}

	impl sp_api::Metadata<Block> for Runtime {
		fn metadata() -> OpaqueMetadata {
			OpaqueMetadata::new(Runtime::metadata().into())
		}

		fn metadata_at_version(version: u32) -> Option<OpaqueMetadata> {
			Runtime::metadata_at_version(version)
		}

		fn metadata_versions() -> alloc::vec::Vec<u32> {
			Runtime::metadata_versions()
		}
	}

	impl sp_block_builder::BlockBuilder<Block> for Runtime {
		fn apply_extrinsic(extrinsic: UncheckedExtrinsic) -> ApplyExtrinsicResult {
			Executive::apply_extrinsic(extrinsic)
		}

		fn finalize_block() -> <Block as BlockT>::Header {
			Executive::finalize_block()
		}

		fn inherent_extrinsics(data: sp_inherents::InherentData) -> Vec<UncheckedExtrinsic> {
			data.create_extrinsics()
		}

		fn check_inherents(
			block: <Block as BlockT>::LazyBlock,
			data: sp_inherents::InherentData,
		) -> sp_inherents::CheckInherentsResult {
			data.check_extrinsics(&block)
		}
	}

	impl sp_transaction_pool::runtime_api::TaggedTransactionQueue<Block> for Runtime {
		fn validate_transaction(
			source: TransactionSource,
			tx: UncheckedExtrinsic,
			block_hash: <Block as BlockT>::Hash,
		) -> TransactionValidity {
			Executive::validate_transaction(source, tx, block_hash)
		}
	}

	impl sp_offchain::OffchainWorkerApi<Block> for Runtime {
		fn offchain_worker(header: &<Block as BlockT>::Header) {
			Executive::offchain_worker(header)
		}
	}

	impl sp_session::SessionKeys<Block> for Runtime {
		fn generate_session_keys(owner: Vec<u8>, seed: Option<Vec<u8>>) -> sp_session::OpaqueGeneratedSessionKeys {
			SessionKeys::generate(&owner, seed).into()
		}

		fn decode_session_keys(
			encoded: Vec<u8>,
		) -> Option<Vec<(Vec<u8>, KeyTypeId)>> {
			SessionKeys::decode_into_raw_public_keys(&encoded)
		}
	}

	impl frame_system_rpc_runtime_api::AccountNonceApi<Block, AccountId, Nonce> for Runtime {
		fn account_nonce(account: AccountId) -> Nonce {
			System::account_nonce(account)
		}
	}

	impl pallet_transaction_payment_rpc_runtime_api::TransactionPaymentApi<Block, Balance> for Runtime {
		fn query_info(
			uxt: UncheckedExtrinsic,
			len: u32,
		) -> pallet_transaction_payment_rpc_runtime_api::RuntimeDispatchInfo<Balance> {
			TransactionPayment::query_info(uxt, len)
		}
		fn query_fee_details(
			uxt: UncheckedExtrinsic,
			len: u32,
		) -> pallet_transaction_payment::FeeDetails<Balance> {
			TransactionPayment::query_fee_details(uxt, len)
		}
		fn query_weight_to_fee(weight: Weight) -> Balance {
			TransactionPayment::weight_to_fee(weight)
		}
		fn query_length_to_fee(length: u32) -> Balance {
			TransactionPayment::length_to_fee(length)
		}
	}

	impl pallet_transaction_payment_rpc_runtime_api::TransactionPaymentCallApi<Block, Balance, RuntimeCall>
		for Runtime
	{
		fn query_call_info(
			call: RuntimeCall,
			len: u32,
		) -> pallet_transaction_payment::RuntimeDispatchInfo<Balance> {
			TransactionPayment::query_call_info(call, len)
		}
		fn query_call_fee_details(
			call: RuntimeCall,
			len: u32,
		) -> pallet_transaction_payment::FeeDetails<Balance> {
			TransactionPayment::query_call_fee_details(call, len)
		}
		fn query_weight_to_fee(weight: Weight) -> Balance {
			TransactionPayment::weight_to_fee(weight)
		}
		fn query_length_to_fee(length: u32) -> Balance {
			TransactionPayment::length_to_fee(length)
		}
	}

	impl cumulus_primitives_core::CollectCollationInfo<Block> for Runtime {
		fn collect_collation_info(header: &<Block as BlockT>::Header) -> cumulus_primitives_core::CollationInfo {
			ParachainSystem::collect_collation_info(header)
		}
	}

	impl xcm_runtime_apis::fees::XcmPaymentApi<Block> for Runtime {
		fn query_acceptable_payment_assets(xcm_version: XcmVersion) -> Result<Vec<VersionedAssetId>, XcmPaymentApiError> {
			let acceptable_assets = vec![AssetId(xcm_config::NativeLocation::get())];
			PolkadotXcm::query_acceptable_payment_assets(xcm_version, acceptable_assets)
		}

		fn query_weight_to_asset_fee(weight: Weight, asset: VersionedAssetId) -> Result<u128, XcmPaymentApiError> {
			type Trader = <XcmConfig as xcm_executor::Config>::Trader;
			PolkadotXcm::query_weight_to_asset_fee::<Trader>(weight, asset)
		}

		fn query_xcm_weight(message: VersionedXcm<()>) -> Result<Weight, XcmPaymentApiError> {
			PolkadotXcm::query_xcm_weight(message)
		}

		fn query_delivery_fees(destination: VersionedLocation, message: VersionedXcm<()>, asset_id: VersionedAssetId) -> Result<VersionedAssets, XcmPaymentApiError> {
			type AssetExchanger = <XcmConfig as xcm_executor::Config>::AssetExchanger;
			PolkadotXcm::query_delivery_fees::<AssetExchanger>(destination, message, asset_id)
		}
	}

	impl xcm_runtime_apis::dry_run::DryRunApi<Block, RuntimeCall, RuntimeEvent, OriginCaller> for Runtime {
		fn dry_run_call(origin: OriginCaller, call: RuntimeCall, result_xcms_version: XcmVersion) -> Result<CallDryRunEffects<RuntimeEvent>, XcmDryRunApiError> {
			PolkadotXcm::dry_run_call::<Runtime, xcm_config::XcmRouter, OriginCaller, RuntimeCall>(origin, call, result_xcms_version)
		}

		fn dry_run_xcm(origin_location: VersionedLocation, xcm: VersionedXcm<RuntimeCall>) -> Result<XcmDryRunEffects<RuntimeEvent>, XcmDryRunApiError> {
			PolkadotXcm::dry_run_xcm::<xcm_config::XcmRouter>(origin_location, xcm)
		}
	}

	impl xcm_runtime_apis::conversions::LocationToAccountApi<Block, AccountId> for Runtime {
		fn convert_location(location: VersionedLocation) -> Result<
			AccountId,
			xcm_runtime_apis::conversions::Error
		> {
			xcm_runtime_apis::conversions::LocationToAccountHelper::<
				AccountId,
				xcm_config::LocationToAccountId,
			>::convert_location(location)
		}
	}

	impl xcm_runtime_apis::trusted_query::TrustedQueryApi<Block> for Runtime {
		fn is_trusted_reserve(asset: VersionedAsset, location: VersionedLocation) -> xcm_runtime_apis::trusted_query::XcmTrustedQueryResult {
			PolkadotXcm::is_trusted_reserve(asset, location)
		}
		fn is_trusted_teleporter(asset: VersionedAsset, location: VersionedLocation) -> xcm_runtime_apis::trusted_query::XcmTrustedQueryResult {
			PolkadotXcm::is_trusted_teleporter(asset, location)
		}
	}

	impl xcm_runtime_apis::authorized_aliases::AuthorizedAliasersApi<Block> for Runtime {
		fn authorized_aliasers(target: VersionedLocation) -> Result<
			Vec<xcm_runtime_apis::authorized_aliases::OriginAliaser>,
			xcm_runtime_apis::authorized_aliases::Error
		> {
			PolkadotXcm::authorized_aliasers(target)
		}
		fn is_authorized_alias(origin: VersionedLocation, target: VersionedLocation) -> Result<
			bool,
			xcm_runtime_apis::authorized_aliases::Error
		> {
			PolkadotXcm::is_authorized_alias(origin, target)
		}
	}

	#[cfg(feature = "try-runtime")]
	impl frame_try_runtime::TryRuntime<Block> for Runtime {
		fn on_runtime_upgrade(checks: frame_try_runtime::UpgradeCheckSelect) -> (Weight, Weight) {
			let weight = Executive::try_runtime_upgrade(checks)
				.expect("an upgrade that fails its checks must stop the try-runtime tool");
			(weight, configs::RuntimeBlockWeights::get().max_block)
		}

		fn execute_block(
			block: <Block as BlockT>::LazyBlock,
			state_root_check: bool,
			signature_check: bool,
			select: frame_try_runtime::TryStateSelect,
		) -> Weight {
			Executive::try_execute_block(block, state_root_check, signature_check, select)
				.expect("a block that fails its checks must stop the try-runtime tool")
		}
	}

	#[cfg(feature = "runtime-benchmarks")]
	impl frame_benchmarking::Benchmark<Block> for Runtime {
		fn benchmark_metadata(extra: bool) -> (
			Vec<frame_benchmarking::BenchmarkList>,
			Vec<frame_support::traits::StorageInfo>,
		) {
			benchmarks::metadata(extra)
		}

		fn dispatch_benchmark(
			config: frame_benchmarking::BenchmarkConfig,
		) -> Result<Vec<frame_benchmarking::BenchmarkBatch>, alloc::string::String> {
			benchmarks::dispatch(config)
		}
	}

	impl sp_genesis_builder::GenesisBuilder<Block> for Runtime {
		fn build_state(config: Vec<u8>) -> sp_genesis_builder::Result {
			build_state::<RuntimeGenesisConfig>(config)
		}

		fn get_preset(id: &Option<sp_genesis_builder::PresetId>) -> Option<Vec<u8>> {
			get_preset::<RuntimeGenesisConfig>(id, &genesis_presets::get_preset)
		}

		fn preset_names() -> Vec<sp_genesis_builder::PresetId> {
			genesis_presets::preset_names()
		}
	}

	impl cumulus_primitives_core::GetParachainInfo<Block> for Runtime {
		fn parachain_id() -> ParaId {
			ParachainInfo::parachain_id()
		}
	}

	impl cumulus_primitives_aura::AuraUnincludedSegmentApi<Block> for Runtime {
		fn can_build_upon(
			included_hash: <Block as BlockT>::Hash,
			slot: cumulus_primitives_aura::Slot,
		) -> bool {
			configs::ConsensusHook::can_build_upon(included_hash, slot)
		}
	}

	impl cumulus_primitives_core::RelayParentOffsetApi<Block> for Runtime {
		fn relay_parent_offset() -> u32 {
			RELAY_PARENT_OFFSET
		}

		fn max_claim_queue_offset() -> u8 {
			ParachainSystem::max_claim_queue_offset()
		}
	}

	impl cumulus_primitives_core::SchedulingV3EnabledApi<Block> for Runtime {
		fn scheduling_v3_enabled() -> bool {
			<Runtime as cumulus_pallet_parachain_system::Config>::SchedulingSignatureVerifier::V3_SCHEDULING_ENABLED
		}
	}

	impl cumulus_primitives_core::TargetBlockRate<Block> for Runtime {
		fn target_block_rate() -> u32 {
			BLOCK_PROCESSING_VELOCITY
		}
	}

	impl cumulus_primitives_core::KeyToIncludeInRelayProof<Block> for Runtime {
		// The randomness keys are always part of the proof.
		fn keys_to_prove() -> cumulus_primitives_core::RelayProofRequest {
			Default::default()
		}
	}

	impl blyan_runtime_api::ModelsApi<Block> for Runtime {
		fn model(id: ModelId) -> Option<ModelInfo> {
			<Experts as ExpertRegistry<AccountId>>::model(id)
		}

		fn models() -> Vec<ModelId> {
			(0..pallet_experts::ModelCount::<Runtime>::get()).collect()
		}

		fn head(slot: ExpertSlot) -> Option<ExpertHead> {
			<Experts as ExpertRegistry<AccountId>>::head(slot)
		}

		fn blob_announced(hash: H256) -> Option<u32> {
			Experts::announced(&hash)
				.or_else(|| ProofOfLearning::announced(&hash))
				.or_else(|| Datasets::announced(&hash))
				.or_else(|| Holdouts::announced(&hash))
				.or_else(|| Evolution::announced(&hash))
		}

		fn holdout(model: ModelId) -> Option<HoldoutRef> {
			// An open chunk is what is measured on next, so nodes fetch it.
			Holdouts::in_force(model)
				.or_else(|| pallet_proof_of_learning::Holdouts::<Runtime>::get(model))
		}

		fn guard_holdout(model: ModelId) -> Option<HoldoutRef> {
			pallet_proof_of_learning::GuardHoldouts::<Runtime>::get(model)
		}

		fn architecture(id: ArchitectureId) -> Option<Vec<u8>> {
			pallet_experts::Architectures::<Runtime>::get(id).map(|record| record.into_inner())
		}
	}

	impl blyan_runtime_api::LearningApi<Block> for Runtime {
		fn submissions(start: SubmissionId, count: u32) -> Vec<SubmissionInfo> {
			ProofOfLearning::submissions(start, count)
		}

		fn submission(id: SubmissionId) -> Option<SubmissionInfo> {
			ProofOfLearning::submission(id)
		}

		fn submission_count() -> SubmissionId {
			ProofOfLearning::submission_count()
		}

		fn open_submissions() -> Vec<SubmissionId> {
			ProofOfLearning::open_submissions()
		}

		fn terms(miner: AccountId) -> SubmissionTerms {
			ProofOfLearning::terms(miner)
		}

		fn job(submission: SubmissionId, part: PartIndex) -> Option<EvaluationJob> {
			ProofOfLearning::evaluation_job(submission, part)
		}

		fn verdicts(submission: SubmissionId) -> Vec<(AccountId, Verdict)> {
			ProofOfLearning::verdicts(submission)
		}

		fn commitments(miner: AccountId) -> Vec<CommitmentInfo> {
			ProofOfLearning::commitments(miner)
		}
	}

	impl blyan_runtime_api::OperatorsApi<Block> for Runtime {
		fn operators() -> Vec<OperatorInfo> {
			Operators::infos()
		}

		fn registration_price() -> Balance {
			Operators::registration_price()
		}
	}

	impl blyan_runtime_api::SlashingApi<Block> for Runtime {
		fn offences(who: AccountId) -> Vec<OffenceInfo> {
			Slashing::offences(&who)
		}
	}

	impl blyan_runtime_api::disputes::DisputesApi<Block> for Runtime {
		fn games(subject: Subject) -> Vec<GameInfo> {
			Disputes::games(subject)
		}

		fn game(id: GameId) -> Option<GameInfo> {
			Disputes::game(id)
		}

		fn open_games() -> Vec<GameId> {
			Disputes::open_games()
		}

		fn demands(subject: Subject) -> Vec<DemandInfo> {
			Disputes::demands(subject)
		}

		fn terms() -> DisputeTerms {
			use parameters::disputes;
			DisputeTerms {
				bond: disputes::Bond::get(),
				clock: disputes::Clock::get(),
				demand_window: disputes::DemandWindow::get(),
				commitment_age: <Runtime as pallet_disputes::Config>::CommitmentAge::get(),
			}
		}

		fn refuted(subject: Subject) -> Vec<H256> {
			Disputes::refuted(subject)
		}

		fn answerable() -> Vec<Subject> {
			Disputes::answerable()
		}

		fn job(subject: Subject, part: PartIndex) -> Option<EvaluationJob> {
			Disputes::evaluation_job(subject, part)
		}
	}

	impl blyan_runtime_api::datasets::DatasetsApi<Block> for Runtime {
		fn dataset(dataset: DatasetRef) -> Option<DatasetInfo> {
			Datasets::dataset(dataset)
		}

		fn datasets(start: DatasetId, count: u32) -> Vec<DatasetInfo> {
			Datasets::datasets(start, count)
		}

		fn dataset_count() -> DatasetId {
			Datasets::dataset_count()
		}

		fn dataset_of_root(root: H256) -> Option<DatasetRef> {
			Datasets::dataset_of_root(root)
		}

		fn blobs(dataset: DatasetRef, start: u32) -> Vec<BlobRef> {
			Datasets::blobs(dataset, start)
		}

		fn audit(dataset: DatasetRef) -> Option<DatasetAudit> {
			Datasets::audit(dataset)
		}

		fn duties(operator: AccountId) -> Vec<AuditDuty> {
			Datasets::duties(&operator)
		}

		fn voter_proof(dataset: DatasetRef, who: AccountId) -> Option<VoterProof> {
			Datasets::voter_proof(dataset, &who)
		}

		fn offer_terms(who: AccountId) -> OfferTerms {
			Datasets::offer_terms(&who)
		}

		fn lineage(submission: SubmissionId) -> Option<Lineage> {
			Datasets::lineage(submission)
		}

		fn submissions_of(dataset: DatasetRef, start: u32, count: u32) -> Vec<SubmissionId> {
			Datasets::submissions_of(dataset, start, count)
		}
	}

	impl blyan_runtime_api::holdouts::HoldoutsApi<Block> for Runtime {
		fn sealing(model: ModelId) -> Option<SealingRules> {
			Holdouts::sealing(model)
		}

		fn keepers() -> Vec<KeeperInfo> {
			Holdouts::keepers_list()
		}

		fn chunks(keeper: AccountId, model: ModelId) -> Vec<ChunkInfo> {
			Holdouts::chunks_of(&keeper, model)
		}

		fn rounds() -> Vec<RoundInfo> {
			Holdouts::rounds()
		}

		fn keeping_terms() -> KeepingTerms {
			Holdouts::keeping_terms()
		}
	}

	impl blyan_runtime_api::evolution::EvolutionApi<Block> for Runtime {
		fn epoch() -> Option<EpochInfo> {
			Evolution::epoch()
		}

		fn proposals() -> Vec<ProposalInfo> {
			Evolution::proposals()
		}

		fn evaluation() -> Option<EvaluationInfo> {
			Evolution::evaluation()
		}

		fn benchmark_job() -> Option<BenchmarkJob> {
			Evolution::benchmark_job()
		}

		fn history(start: EpochId, count: u32) -> Vec<EpochSummary> {
			Evolution::history(start, count)
		}

		fn successor(model: ModelId) -> Option<SuccessorInfo> {
			Evolution::successor(model)
		}

		fn tokenizer(model: ModelId) -> Option<TokenizerRef> {
			Evolution::tokenizer(model)
		}

		fn templates() -> Vec<Template> {
			Evolution::templates()
		}

		fn terms() -> EvolutionTerms {
			Evolution::terms()
		}

		fn credits(who: AccountId) -> u32 {
			Evolution::credits(&who)
		}
	}

	impl blyan_runtime_api::delegation::DelegationApi<Block> for Runtime {
		fn pools() -> Vec<PoolInfo> {
			Delegation::pool_infos()
		}

		fn pool(operator: AccountId) -> Option<PoolInfo> {
			Delegation::pool_info(operator)
		}

		fn backings(backer: AccountId) -> Vec<BackingInfo> {
			Delegation::backing_infos(&backer)
		}

		fn projected_income(operator: AccountId, amount: Balance) -> Option<Balance> {
			Delegation::projected_income(operator, amount)
		}
	}

	impl blyan_runtime_api::governance::GovernanceApi<Block> for Runtime {
		fn turnout() -> TurnoutInfo {
			RankedCollective::turnout()
		}

		fn participation() -> Vec<ParticipationInfo> {
			RankedCollective::participation()
		}
	}

	impl blyan_runtime_api::ServingApi<Block> for Runtime {
		fn price_per_byte() -> Balance {
			parameters::serving::PricePerByte::get()
		}

		fn offers(start: OfferId, count: u32) -> Vec<OfferInfo> {
			Inference::offer_infos(start, count)
		}

		fn offer_count() -> OfferId {
			pallet_inference::NextOffer::<Runtime>::get()
		}

		fn offer(id: OfferId) -> Option<OfferInfo> {
			Inference::offer_info(id)
		}

		fn operator_of_key(key: ServingKey) -> Option<AccountId> {
			<Inference as ServingKeys<AccountId>>::operator_of(&key)
		}

		fn request(id: RequestId) -> Option<RequestInfo> {
			Inference::request_info(id)
		}

		fn request_by_key(payer: AccountId, key: H256) -> Option<RequestInfo> {
			Inference::request_info_by_key(&payer, key)
		}

		fn session(id: SessionId) -> Option<SessionInfo> {
			Inference::session_info(id)
		}

		fn user(who: AccountId) -> UserInfo {
			Inference::user_info(&who)
		}

		fn usage(model: ModelId) -> Vec<UsageInfo> {
			Inference::usage_infos(pallet_inference::ServedModel::Registered(model))
		}

		fn usage_of_root(model_root: H256) -> Vec<UsageInfo> {
			Inference::usage_infos(pallet_inference::ServedModel::Unregistered(model_root))
		}

		fn cost(
			payer: AccountId,
			offer: OfferId,
			prompt_tokens: u32,
			max_answer_tokens: u32,
		) -> Option<CostQuote> {
			Inference::cost_quote(&payer, offer, prompt_tokens, max_answer_tokens)
		}
	}
}
