//! Audits of datasets: from the blobs of this node's store to figures that every node finds.

use crate::{
	blobs::BlobStore,
	block::{mapped, Bytes},
};
use blyan_datasets::{
	audit::{self, AuditError, Offer, Plan, MANIFEST_BYTES_MAX},
	Fault,
};
use blyan_exact::blake2_256;
use blyan_primitives::{
	AuditFinding, AuditReport, DatasetAuditJob, EngineError, LanguageShare, LicenceFinding,
};
use sp_core::H256;

/// Audits a dataset. The first blob that is not here ends it.
///
/// - `checkpoint`: called now and then; its error ends the audit.
pub fn run(
	job: &DatasetAuditJob,
	store: &BlobStore,
	checkpoint: &(dyn Fn() -> Result<(), EngineError> + Sync),
) -> Result<AuditFinding, EngineError> {
	// The manifest is read whole: one that is too large is refused by what the offer says of it.
	if job.manifest.size as usize > MANIFEST_BYTES_MAX {
		return Ok(finding_of(Fault::ManifestTooLarge));
	}
	let manifest = blob(store, &job.manifest.hash)?;
	// What a disk has damaged is not the contributor's fault.
	if H256(blake2_256(&[&*manifest])) != job.manifest.hash {
		return Err(damaged(store, job.manifest.hash));
	}
	if manifest.len() as u64 != u64::from(job.manifest.size) {
		return Ok(finding_of(Fault::OfferDiffers));
	}
	let Ok(licence) = String::from_utf8(job.licence.to_vec()) else {
		return Ok(finding_of(Fault::OfferDiffers));
	};
	let DatasetAuditJob { root, records, bytes, blobs, .. } = job;
	let offer = Offer { licence, root: root.0, records: *records, bytes: *bytes, blobs: *blobs };
	let plan = match Plan::new(&manifest, &offer, job.draw.0, job.sample_bytes_max as usize) {
		Ok(plan) => plan,
		Err(fault) => return Ok(finding_of(fault)),
	};
	let blobs = plan.blobs().iter().map(|planned| blob(store, &H256(planned.hash)));
	let blobs: Vec<Bytes> = blobs.collect::<Result<_, _>>()?;
	let bytes: Vec<&[u8]> = blobs.iter().map(|blob| &**blob).collect();
	match audit::audit(&plan, &bytes, &|| checkpoint().is_ok()) {
		Ok(report) => Ok(finding(&report)),
		Err(AuditError::Interrupted) => Err(EngineError::Cancelled),
		Err(AuditError::Damaged(number)) => {
			let hash = plan.blobs().get(number).map_or_else(H256::zero, |planned| H256(planned.hash));
			Err(damaged(store, hash))
		}
	}
}

/// Drops a blob that is not what its hash says, so that it is fetched again.
fn damaged(store: &BlobStore, hash: H256) -> EngineError {
	log::warn!("blob {hash:?} of a dataset is damaged on disk; dropping it");
	if let Err(error) = store.remove(&hash) {
		log::error!("cannot drop blob {hash:?}: {error}");
	}
	EngineError::BlobMissing(hash)
}

/// A blob's bytes. Those of blobs of records are verified by the audit.
fn blob(store: &BlobStore, hash: &H256) -> Result<Bytes, EngineError> {
	let missing = EngineError::BlobMissing(*hash);
	mapped(&store.path_of(hash).ok_or(missing)?).map_err(|_| missing)
}

fn finding_of(fault: Fault) -> AuditFinding {
	log::info!("a dataset is not what was offered: {fault}");
	AuditFinding::Malformed
}

/// The figures as the chain has them.
fn finding(report: &audit::AuditReport) -> AuditFinding {
	if let Some(fault) = report.fault {
		return finding_of(fault);
	}
	let licence = match (report.licence_verified, report.sampled == report.malformed) {
		(true, false) => LicenceFinding::Verified,
		(true, true) => LicenceFinding::Stated,
		(false, _) => LicenceFinding::Unknown,
	};
	let mut languages = [LanguageShare::default(); blyan_primitives::LANGUAGES];
	for (share, (code, count)) in languages.iter_mut().zip(&report.languages) {
		let code = code.as_bytes().first_chunk::<2>().copied().unwrap_or_default();
		*share = LanguageShare { code, share: report.ppm(*count) };
	}
	let badly_formed = [report.malformed, report.encoding, report.shape].into_iter().sum();
	AuditFinding::Examined(AuditReport {
		rules: report.rules.into(),
		records: report.sampled,
		bytes: report.sampled_bytes,
		licence,
		copyright_hits: report.proprietary,
		pii: report.ppm(report.private),
		toxicity: report.ppm(report.toxic),
		duplicate_rate: report.ppm(report.duplicate),
		malformed: report.ppm(badly_formed),
		languages,
		perplexity_improvement: None,
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_datasets::{
		filter::Rules, hexadecimal, manifest, manifest::Manifest, text_family, Counts, Document,
	};
	use blyan_exact::merkle;
	use blyan_primitives::{BlobRef, MILLIONTHS, SAMPLE_BYTES_MAX};
	use std::collections::BTreeMap;

	/// A dataset of one blob in a store, and the job to audit it.
	fn offered(texts: &[&str]) -> (tempfile::TempDir, BlobStore, DatasetAuditJob) {
		let dir = tempfile::tempdir().unwrap();
		let store = BlobStore::open(dir.path(), 1 << 24).unwrap();
		let documents = texts.iter().map(|text| {
			let (origin, family) = (format!("{}#1.1", "0f".repeat(16)), text_family(text));
			let document = Document::new((*text).into(), origin, family, "CC0-1.0".into());
			Document { language: Some("en".into()), ..document }
		});
		let lines: Vec<Vec<u8>> = documents.map(|document| document.line().unwrap()).collect();
		let blob: Vec<u8> = lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect();
		let leaves: Vec<_> = lines.iter().map(|line| merkle::leaf(line)).collect();
		let root = merkle::root(&leaves);
		let (bytes, records) = (blob.len() as u64, lines.len() as u64);
		let record = manifest::BlobRecord {
			bytes,
			documents: records,
			hash: hexadecimal(&blake2_256(&[&blob])),
			root: hexadecimal(&root),
		};
		let manifest = Manifest {
			blobs: vec![record],
			bytes: 1,
			clusters: manifest::Clusters::default(),
			counts: Counts::default(),
			documents: records,
			format: manifest::FORMAT.into(),
			held_out: 0,
			languages: BTreeMap::new(),
			licence: "CC0-1.0".into(),
			licences: BTreeMap::new(),
			root: hexadecimal(&merkle::root(&[root])),
			rules: Rules::default(),
			version: manifest::VERSION,
		};
		let manifest = manifest.canonical().unwrap();
		store.put(&blob).unwrap();
		let hash = store.put(&manifest).unwrap();
		let job = DatasetAuditJob {
			draw: H256([7; 32]),
			licence: b"CC0-1.0".to_vec().try_into().unwrap(),
			manifest: BlobRef { hash, size: manifest.len() as u32 },
			root: H256(merkle::root(&[root])),
			records,
			bytes,
			blobs: 1,
			sample_bytes_max: SAMPLE_BYTES_MAX,
		};
		(dir, store, job)
	}

	const TEXTS: [&str; 4] = [
		"A sentence that a traveller wrote about the weather in the hills.",
		"Another one, which has nothing to do with hills or with weather.",
		"The traveller can be reached at jane.doe@example.org on working days.",
		"1 2 3 4 5 6 - - - - 7 8 9 10 11 12 13 14",
	];

	#[test]
	fn an_audit_states_what_the_chain_asks_for() {
		let (_dir, store, job) = offered(&TEXTS);
		let AuditFinding::Examined(report) = run(&job, &store, &|| Ok(())).unwrap() else {
			panic!("it was not examined")
		};
		assert!(report.is_plausible());
		assert_eq!((report.records, report.licence), (4, LicenceFinding::Verified));
		assert_eq!((report.pii, report.malformed, report.toxicity), (250_000, 250_000, 0));
		assert_eq!(report.languages[0], LanguageShare { code: *b"en", share: MILLIONTHS });
		assert_eq!(report.languages[1], LanguageShare::default());
		assert_eq!(run(&job, &store, &|| Err(EngineError::Cancelled)), Err(EngineError::Cancelled));
	}

	#[test]
	fn an_offer_that_differs_from_its_manifest_is_malformed() {
		let (_dir, store, job) = offered(&TEXTS);
		for other in [
			DatasetAuditJob { root: H256::zero(), ..job.clone() },
			DatasetAuditJob { records: 5, ..job.clone() },
			DatasetAuditJob { licence: b"MIT".to_vec().try_into().unwrap(), ..job.clone() },
			DatasetAuditJob { licence: vec![0xff].try_into().unwrap(), ..job.clone() },
			DatasetAuditJob { manifest: BlobRef { size: 7, ..job.manifest }, ..job.clone() },
			DatasetAuditJob { manifest: BlobRef { size: u32::MAX, ..job.manifest }, ..job.clone() },
		] {
			assert_eq!(run(&other, &store, &|| Ok(())), Ok(AuditFinding::Malformed), "{other:?}");
		}
	}

	#[test]
	fn a_blob_that_is_not_here_is_named_and_a_damaged_one_is_dropped() {
		let (_dir, store, job) = offered(&TEXTS);
		let blob = store.hashes().into_iter().find(|hash| *hash != job.manifest.hash).unwrap();
		let path = store.path_of(&blob).unwrap();
		let mut bytes = std::fs::read(&path).unwrap();
		bytes[3] ^= 1;
		std::fs::write(&path, bytes).unwrap();
		assert_eq!(run(&job, &store, &|| Ok(())), Err(EngineError::BlobMissing(blob)));
		assert!(!store.has(&blob));
		assert_eq!(run(&job, &store, &|| Ok(())), Err(EngineError::BlobMissing(blob)));
		store.remove(&job.manifest.hash).unwrap();
		assert_eq!(run(&job, &store, &|| Ok(())), Err(EngineError::BlobMissing(job.manifest.hash)));
	}

	#[test]
	fn a_manifest_that_the_disk_has_damaged_is_fetched_again_and_not_called_malformed() {
		let (_dir, store, job) = offered(&TEXTS);
		let path = store.path_of(&job.manifest.hash).unwrap();
		let mut bytes = std::fs::read(&path).unwrap();
		bytes[3] ^= 1;
		std::fs::write(&path, bytes).unwrap();
		assert_eq!(run(&job, &store, &|| Ok(())), Err(EngineError::BlobMissing(job.manifest.hash)));
		assert!(!store.has(&job.manifest.hash));
	}
}
