//! `report-copy`: proves to the chain that a submission is a near copy of another expert.

use crate::{
	amount,
	args::ReportCopyArgs,
	chain_model::first_config,
	client::{as_u128, download, hash, Client},
	failure::{Context, Failure, Kind, Outcome},
	session::Session,
};
use blyan_engine::{
	block::{BlockShape, Layout},
	copies::{compare, Files, Finding},
	open_copies,
};
use blyan_exact::{
	definition2::{self, similarity::tiles_of, Architecture, Part},
	merkle,
};
use blyan_primitives::{
	BlockRef, ExpertSlot, ModelConfig, OpenCopyEvidence, Projection, ShownAdapter, VersionIndex,
};
use serde_json::json;
use sp_core::H256;
use std::{fs, path::Path};
use subxt::dynamic::Value;

/// Report that is sent to the chain.
struct Report {
	call: &'static str,
	evidence: Value,
	likeness: i32,
}

/// Compares the experts here, and reports the copy if it is one.
pub async fn run(session: &Session, args: ReportCopyArgs) -> Outcome<()> {
	let (client, account) = session.connect_as(&args.signer).await?;
	let (copy, original) = (client.submission(args.copy).await?, client.submission(args.original).await?);
	if copy.slot != original.slot {
		return Err(Failure::new("the two submissions are for different slots").kind(Kind::Refused));
	}
	let model = client.chain_model(copy.slot.model).await?;
	let parent = fetch_version(session, &client, copy.slot, copy.parent).await?;
	let own_parent = match original.parent {
		version if version == copy.parent => None,
		version => Some(fetch_version(session, &client, copy.slot, version).await?),
	};
	let copy_file = fetch(session, &client, &copy.block, args.copy_file.as_deref()).await?;
	let original_file = fetch(session, &client, &original.block, args.original_file.as_deref()).await?;
	let files = Files {
		original: &original_file,
		original_parent: own_parent.as_deref(),
		copy: &copy_file,
		copy_parent: &parent,
	};
	let Report { call, evidence, likeness } = match model.architecture() {
		Some(architecture) => of_adapters(architecture, copy.slot, &files)?,
		None => of_experts(&first_config(&model.info)?, &files)?,
	};
	let fields = vec![
		("copy", Value::u128(args.copy.into())),
		("original", Value::unnamed_variant("Submission", [Value::u128(args.original.into())])),
		("evidence", evidence),
	];
	let receipt = client.submit(&account, "ProofOfLearning", call, fields).await?;
	let bounty = receipt
		.event("ProofOfLearning", "CopyProven")
		.and_then(|event| as_u128(&event["bounty"]))
		.unwrap_or_default();
	let value = json!({ "copy": args.copy, "original": args.original, "likeness_milli": likeness,
		"bounty": bounty.to_string(), "block": receipt.block, "hash": receipt.hash });
	let text = format!(
		"submission {} is a copy of {} (likeness {likeness}/1000), reported in block {}; bounty {}",
		args.copy,
		args.original,
		receipt.block,
		amount::show(bounty)
	);
	session.output.result(&value, text);
	Ok(())
}

/// Compares experts of the first definition.
fn of_experts(config: &ModelConfig, files: &Files<'_>) -> Outcome<Report> {
	let layout = Layout::new(BlockShape::expert_of(config))
		.map_err(|error| Failure::new(format!("the model's architecture: {error}")))?;
	let finding = compare(&layout, files).ok_or_else(too_few_changes)?;
	let likeness = finding.overlap.likeness_milli();
	ensure_copy(finding.overlap.is_copy(), likeness)?;
	Ok(Report { call: "report_copy", evidence: evidence(&layout, files, &finding), likeness })
}

/// Compares adapters of an open model.
fn of_adapters(architecture: &Architecture, slot: ExpertSlot, files: &Files<'_>) -> Outcome<Report> {
	let part = Part::Expert { layer: slot.layer, expert: slot.expert };
	let layout = definition2::block::Layout::of(architecture, part)
		.filter(|layout| {
			Projection::ALL.into_iter().any(|projection| tiles_of(layout, projection.name()).is_some())
		})
		.ok_or_else(|| {
			Failure::new("near copies of this model's experts are not measured: they are not adapters, or too large ones")
				.kind(Kind::Refused)
		})?;
	let finding = open_copies::compare(&layout, files).ok_or_else(too_few_changes)?;
	let likeness = finding.overlap.likeness_milli();
	ensure_copy(finding.overlap.is_copy(), likeness)?;
	let shown = open_copies::evidence(&layout, files, &finding)
		.ok_or_else(|| Failure::new("the files are not experts of this model").kind(Kind::Refused))?;
	Ok(Report { call: "report_open_copy", evidence: open_evidence(&shown), likeness })
}

fn too_few_changes() -> Failure {
	Failure::new("the original, or the copy, changes too little of its parent to be compared")
		.kind(Kind::Refused)
}

fn ensure_copy(is_copy: bool, likeness: i32) -> Outcome<()> {
	if is_copy {
		return Ok(());
	}
	Err(Failure::new(format!("likeness {likeness}/1000: not a copy"))
		.kind(Kind::Refused)
		.next("nothing was sent: the chain would refuse it and keep the fee"))
}

async fn fetch_version(
	session: &Session,
	client: &Client,
	slot: ExpertSlot,
	version: VersionIndex,
) -> Outcome<Vec<u8>> {
	let block = client.version(slot, version).await?.ok_or_else(|| {
		Failure::new(format!("version {version} of the slot is forgotten")).kind(Kind::Refused)
	})?;
	fetch(session, client, &block, None).await
}

/// Reads a block from a file, or from the node.
async fn fetch(
	session: &Session,
	client: &Client,
	block: &BlockRef,
	file: Option<&Path>,
) -> Outcome<Vec<u8>> {
	let Some(path) = file else { return download(client, &session.output, &block.blob).await };
	let bytes = fs::read(path).context(path.display())?;
	if hash(&bytes) != block.blob.hash {
		return Err(Failure::new(format!("{} is not the block of that submission", path.display()))
			.kind(Kind::Refused));
	}
	Ok(bytes)
}

/// The finding as the call's argument.
fn evidence(layout: &Layout, files: &Files<'_>, finding: &Finding) -> Value {
	let proof = |file: &[u8], index: usize| {
		let leaves = layout.leaves(file);
		let path = merkle::prove(&leaves, index).unwrap_or_default();
		Value::named_composite([
			("bytes", Value::from_bytes(file.get(layout.tile(index)).unwrap_or_default())),
			("tiles", Value::from_bytes(merkle::root(&leaves))),
			("path", Value::unnamed_composite(path.into_iter().map(|hash| Value::from_bytes(H256(hash))))),
		])
	};
	let own_parent = files.original_parent.filter(|_| finding.from_own_parent);
	let own_parent = match own_parent {
		Some(file) => Value::unnamed_variant("Some", [proof(file, finding.tile)]),
		None => Value::unnamed_variant("None", []),
	};
	let moved = finding
		.moved
		.iter()
		.map(|(from, to)| Value::unnamed_composite([Value::u128((*from).into()), Value::u128((*to).into())]));
	Value::named_composite([
		("tile", Value::u128(finding.tile as u128)),
		("copy_tile", Value::u128(finding.copy_tile as u128)),
		("original", proof(files.original, finding.tile)),
		("original_parent", own_parent),
		("copy_parent", proof(files.copy_parent, finding.tile)),
		("copy", proof(files.copy, finding.copy_tile)),
		("moved", Value::unnamed_composite(moved)),
	])
}

/// Evidence about adapters as the call's argument.
fn open_evidence(evidence: &OpenCopyEvidence) -> Value {
	let shown = |adapter: &ShownAdapter| {
		let leaves = adapter.leaves.iter().map(|leaf| Value::from_bytes(leaf.0));
		Value::named_composite([
			("scales", Value::from_bytes(&adapter.scales)),
			("leaves", Value::unnamed_composite(leaves)),
			("bytes", Value::from_bytes(&adapter.bytes)),
		])
	};
	let projection = match evidence.projection {
		Projection::Gate => "Gate",
		Projection::Up => "Up",
		Projection::Down => "Down",
	};
	let own_parent = match &evidence.original_parent {
		Some(adapter) => Value::unnamed_variant("Some", [shown(adapter)]),
		None => Value::unnamed_variant("None", []),
	};
	Value::named_composite([
		("projection", Value::unnamed_variant(projection, [])),
		("original", shown(&evidence.original)),
		("original_parent", own_parent),
		("copy_parent", shown(&evidence.copy_parent)),
		("copy", shown(&evidence.copy)),
	])
}
