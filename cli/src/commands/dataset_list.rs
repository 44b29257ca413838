//! `dataset list`, `show` and `lineage`: what the chain holds about data.

use super::dataset_stage::{name, report_lines, stage, text, value};
use crate::{
	args::DatasetName,
	failure::{Failure, Outcome},
	names,
	output::table,
	session::Session,
};
use blyan_primitives::{BlobRef, Millionths, SubmissionId, TrainingManifest, MILLIONTHS};
use blyan_runtime_api::datasets::DatasetInfo;
use serde_json::{json, Value};

/// Lists the latest datasets.
pub async fn list(session: &Session, count: u32) -> Outcome<()> {
	let datasets = session.connect().await?.datasets(count).await?;
	let rows: Vec<Vec<String>> = datasets
		.iter()
		.map(|info| {
			vec![
				name(info.dataset),
				stage(info.stage),
				info.records.to_string(),
				format!("{:.1}", info.bytes as f64 / f64::from(1 << 20)),
				lossy(&info.licence),
				names::short(&info.creator),
				info.uses.to_string(),
			]
		})
		.collect();
	let head = ["dataset", "stage", "records", "MiB", "licence", "contributor", "uses"];
	session.output.result(&datasets, table(&head, &rows));
	Ok(())
}

/// Shows one dataset.
pub async fn show(session: &Session, dataset: DatasetName, json_ld: bool) -> Outcome<()> {
	let client = session.connect().await?;
	let info = client.dataset(dataset).await?;
	let blobs = client.dataset_blobs(&info).await?;
	if json_ld {
		let described = describe(&info, &blobs);
		session.output.result(&described, format!("{described:#}"));
		return Ok(());
	}
	let audit = client.dataset_audit(info.dataset).await?;
	let mut shown = value(&info, audit.as_ref());
	shown["blobs"] = json!(blobs);
	let head = [
		text(&info, audit.as_ref()),
		format!("by         {}, in block {}", crate::keys::address(&info.creator), info.offered_at),
		format!("licence    {}", lossy(&info.licence)),
		format!("source     {}", lossy(&info.source)),
		format!("holds      {} records in {} blobs, {} bytes", info.records, info.blobs, info.bytes),
		format!("manifest   {:?}, {} bytes", info.manifest.hash, info.manifest.size),
		format!("root       {:?}", info.root),
		format!("uses       {} submissions were trained on it", info.uses),
	];
	session.output.result(&shown, head.join("\n"));
	Ok(())
}

/// A dataset as schema.org describes it, for catalogues. The description with the files' SHA-256 is the `croissant.json` in the
/// dataset's own folder: the chain knows blobs by Blake2b-256.
fn describe(info: &DatasetInfo, blobs: &[BlobRef]) -> Value {
	let file = |blob: &BlobRef, format: &str| {
		json!({
			"@type": "DataDownload",
			"contentSize": format!("{} B", blob.size),
			"encodingFormat": format,
			"identifier": format!("blake2b-256:{}", hex::encode(blob.hash)),
		})
	};
	let records = blobs.iter().map(|blob| file(blob, "application/jsonlines"));
	let figures: Vec<Value> = info
		.report
		.iter()
		.flat_map(report_lines)
		.filter_map(|line| {
			let (name, value) = line.split_once(' ')?;
			Some(json!({ "@type": "PropertyValue", "name": name, "value": value.trim() }))
		})
		.collect();
	let manifest = file(&info.manifest, "application/json");
	let distribution: Vec<Value> = std::iter::once(manifest).chain(records).collect();
	json!({
		"@context": "https://schema.org/",
		"@type": "Dataset",
		"additionalProperty": figures,
		"creativeWorkStatus": stage(info.stage),
		"creator": { "@type": "Person", "identifier": crate::keys::address(&info.creator) },
		"description": format!("{} records with licence and origin", info.records),
		"distribution": distribution,
		"identifier": format!("merkle-root:{}", hex::encode(info.root)),
		"isBasedOn": lossy(&info.source),
		"license": lossy(&info.licence),
		"name": format!("dataset {}", info.dataset.dataset),
		"version": info.dataset.version.to_string(),
	})
}

/// Lists the submissions that were trained on a dataset, or the data that taught a submission.
pub async fn lineage(
	session: &Session,
	dataset: Option<DatasetName>,
	submission: Option<SubmissionId>,
) -> Outcome<()> {
	let client = session.connect().await?;
	if let Some(dataset) = dataset {
		let info = client.dataset(dataset).await?;
		let submissions = client.submissions_of(&info).await?;
		let of = name(info.dataset);
		let text = match submissions.as_slice() {
			[] => format!("no submission names dataset {of}"),
			all => {
				let all: Vec<String> = all.iter().map(SubmissionId::to_string).collect();
				format!("dataset {of} taught submissions {}", all.join(", "))
			}
		};
		session.output.result(&json!({ "dataset": of, "submissions": submissions }), text);
		return Ok(());
	}
	let id = submission.ok_or_else(|| Failure::new("name a dataset, or a submission with --submission N"))?;
	let Some(lineage) = client.lineage(id).await? else {
		// An unknown submission is told apart from one of which nothing was declared.
		client.submission(id).await?;
		let none = json!({ "submission": id, "manifest": null });
		session.output.result(&none, format!("the miner of submission {id} has not declared what taught it"));
		return Ok(());
	};
	let value = json!({ "submission": id, "hash": lineage.hash, "manifest": lineage.manifest });
	session.output.result(&value, manifest_text(id, &lineage.manifest));
	Ok(())
}

fn manifest_text(id: SubmissionId, manifest: &TrainingManifest) -> String {
	let share = |share: Millionths| {
		let tenths = u64::from(share) * 1_000 / u64::from(MILLIONTHS);
		format!("{}.{} %", tenths / 10, tenths % 10)
	};
	let rows: Vec<Vec<String>> =
		manifest.datasets.iter().map(|one| vec![name(one.dataset), share(one.share)]).collect();
	format!(
		"submission {id} learned from {} samples, seed {}, as its miner declared:\n{}",
		manifest.samples,
		manifest.seed,
		table(&["dataset", "share"], &rows)
	)
}

/// Bytes of a record as text.
fn lossy(bytes: &[u8]) -> String {
	String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_primitives::{DatasetRef, DatasetShare, DatasetStage};
	use sp_core::{crypto::AccountId32, H256};

	#[test]
	fn a_description_names_licence_source_and_every_blob() {
		let info = DatasetInfo {
			dataset: DatasetRef { dataset: 3, version: 1 },
			creator: AccountId32::new([7; 32]),
			licence: b"CC0-1.0".to_vec(),
			source: b"https://example.org".to_vec(),
			manifest: BlobRef { hash: H256([1; 32]), size: 900 },
			root: H256([2; 32]),
			records: 10,
			bytes: 5_000,
			blobs: 1,
			blobs_named: 1,
			offered_at: 12,
			stage: DatasetStage::Vote,
			audit_window_end: None,
			report: None,
			vote: None,
			appeal_until: None,
			uses: 0,
		};
		let described = describe(&info, &[BlobRef { hash: H256([3; 32]), size: 5_000 }]);
		assert_eq!((&described["license"], &described["version"]), (&json!("CC0-1.0"), &json!("1")));
		assert_eq!(described["distribution"].as_array().unwrap().len(), 2);
		let wanted = format!("blake2b-256:{}", "03".repeat(32));
		assert_eq!(described["distribution"][1]["identifier"], wanted.as_str());
	}

	#[test]
	fn a_manifest_is_shown_with_its_shares() {
		let share = |dataset, share| DatasetShare { dataset: DatasetRef { dataset, version: 0 }, share };
		let manifest = TrainingManifest {
			expert: H256::zero(),
			datasets: vec![share(1, 600_000), share(4, 400_000)].try_into().unwrap(),
			seed: 7,
			samples: 1_000,
			batch_roots: vec![H256::zero()].try_into().unwrap(),
			cpu_seconds: 1,
			gpu_seconds: 0,
			log: H256::zero(),
			started_at: 1,
			ended_at: 2,
		};
		let text = manifest_text(5, &manifest);
		assert!(text.ends_with("dataset  share\n1.0      60.0 %\n4.0      40.0 %"), "{text}");
	}
}
