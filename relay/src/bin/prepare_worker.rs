//! The process in which a validator prepares the code of parachains, apart from its own memory.

polkadot_node_core_pvf_common::decl_worker_main!(
	"prepare-worker",
	polkadot_node_core_pvf_prepare_worker::worker_entrypoint,
	polkadot_cli::NODE_VERSION,
	// Built together with the validator, so the version alone tells them apart.
	polkadot_cli::NODE_VERSION
);
