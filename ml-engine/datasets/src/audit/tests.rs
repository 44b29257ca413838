//! Audits of datasets as their makers would like them to be seen.

use super::*;
use crate::{
	hexadecimal,
	manifest::{self, BlobRecord, Clusters, Manifest},
	text_family, Counts, Document,
};
use blyan_exact::{blake2_256, merkle};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A dataset as someone offers it.
struct Offered {
	manifest: Vec<u8>,
	blobs: Vec<Vec<u8>>,
	offer: Offer,
}

/// Prose of which no five words come twice.
fn prose(seed: usize) -> String {
	let word = |n: usize| {
		let hash = blake2_256(&[&seed.to_le_bytes(), &n.to_le_bytes()]);
		let letters = b"abcdefghijlmnopqrtuvwxyz";
		let drawn = hash.iter().take(3 + usize::from(hash[31] % 6));
		drawn.map(|byte| char::from(letters[usize::from(*byte) % letters.len()])).collect::<String>()
	};
	(0..40).map(|n| format!("{} ", word(n))).collect()
}

fn document(number: usize, text: String) -> Document {
	let family = text_family(&text);
	let origin = format!("{}#{}.1", "0f3c".repeat(8), number + 1);
	Document { language: Some("en".into()), ..Document::new(text, origin, family, "CC0-1.0".into()) }
}

/// Documents as lines, in blobs of so many, by a maker who need not be honest.
fn offered(mut documents: Vec<Document>, per_blob: usize) -> Offered {
	documents.sort_by(|a, b| a.hash.cmp(&b.hash));
	let lines: Vec<Vec<u8>> = documents.iter().map(|document| document.line().unwrap()).collect();
	offered_lines(&lines, per_blob)
}

fn offered_lines(lines: &[Vec<u8>], per_blob: usize) -> Offered {
	let (mut blobs, mut records, mut roots) = (Vec::new(), Vec::new(), Vec::new());
	for lines in lines.chunks(per_blob) {
		let blob: Vec<u8> = lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect();
		let root = merkle::root(&lines.iter().map(|line| merkle::leaf(line)).collect::<Vec<_>>());
		records.push(BlobRecord {
			bytes: blob.len() as u64,
			documents: lines.len() as u64,
			hash: hexadecimal(&blake2_256(&[&blob])),
			root: hexadecimal(&root),
		});
		roots.push(root);
		blobs.push(blob);
	}
	let manifest = Manifest {
		blobs: records,
		bytes: 7,
		clusters: Clusters::default(),
		counts: Counts::default(),
		documents: lines.len() as u64,
		format: manifest::FORMAT.into(),
		held_out: 0,
		languages: BTreeMap::new(),
		licence: "CC0-1.0".into(),
		licences: BTreeMap::new(),
		root: manifest::root(&roots),
		rules: Rules::default(),
		version: manifest::VERSION,
	};
	let root = merkle::root(&roots);
	let bytes = blobs.iter().map(|blob| blob.len() as u64).sum();
	let (records, count) = (lines.len() as u64, u32::try_from(blobs.len()).unwrap());
	let offer = Offer { licence: "CC0-1.0".into(), root, records, bytes, blobs: count };
	Offered { manifest: manifest.canonical().unwrap(), blobs, offer }
}

impl Offered {
	fn plan(&self, seed: Hash) -> Plan {
		Plan::new(&self.manifest, &self.offer, seed, SAMPLE_BYTES_MAX).unwrap()
	}

	fn audit(&self, seed: Hash) -> AuditReport {
		let plan = self.plan(seed);
		let blobs: Vec<&[u8]> = plan.blobs().iter().map(|blob| self.blobs[blob.number].as_slice()).collect();
		audit(&plan, &blobs, &|| true).unwrap()
	}
}

fn texts(count: usize) -> Vec<Document> {
	(0..count).map(|number| document(number, prose(number))).collect()
}

#[test]
fn an_audit_of_a_clean_dataset_finds_nothing() {
	let report = offered(texts(60), 20).audit([1; 32]);
	assert_eq!((report.fault, report.sampled, report.licence_verified), (None, 60, true));
	let AuditReport {
		malformed,
		unlicensed,
		proprietary,
		personal,
		secret,
		toxic,
		duplicate,
		encoding,
		shape,
		..
	} = report;
	assert_eq!(
		[malformed, unlicensed, proprietary, personal, secret, toxic, duplicate, encoding, shape],
		[0; 9]
	);
	assert_eq!(report.languages, [("en".to_string(), 60)]);
	assert!((200..400).contains(&report.text_bytes_mean), "{}", report.text_bytes_mean);
}

#[test]
fn an_audit_counts_what_the_maker_left_in() {
	let mut documents = texts(40);
	let spoil = |number: usize, end: &str| document(number, format!("{}{end}", prose(number)));
	documents.extend([
		spoil(100, "write to jane.doe@example.org"),
		spoil(101, "paid by 4111 1111 1111 1111"),
		spoil(102, "\nAll of this is proprietary and confidential"),
		document(103, format!("// SPDX-License-Identifier: GPL-3.0-only\n{}", prose(103))),
		document(104, "1 2 3 4 5 6 7 8 9 - - - 10 11 12 13".into()),
		document(105, format!("{}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}", prose(105))),
		// A near copy of one that is there, and the same words in front of another end.
		document(106, format!("{}and so on", prose(3))),
		Document { license: "CC-BY-NC-4.0".into(), ..document(107, prose(107)) },
	]);
	let report = offered(documents, 100).audit([2; 32]);
	assert_eq!(report.sampled, 48);
	assert_eq!((report.personal, report.private, report.proprietary, report.unlicensed), (2, 2, 1, 2));
	assert_eq!((report.shape, report.encoding, report.duplicate, report.malformed), (1, 1, 1, 0));
	assert!(!report.licence_verified);
	assert_eq!(report.ppm(report.personal), 41_666);
}

#[test]
fn an_audit_finds_the_copies_of_a_dataset_that_is_mostly_copies() {
	let copy = |number: usize| document(number, format!("{}copy {number}", prose(number % 5)));
	let report = offered((0..100).map(copy).collect(), 50).audit([3; 32]);
	assert_eq!(report.duplicate, 95);
	// The same text twice, which no job writes.
	let line = document(1, prose(1)).line().unwrap();
	assert_eq!(offered_lines(&[line.clone(), line], 2).audit([3; 32]).duplicate, 1);
}

#[test]
fn lines_that_no_job_writes_are_malformed() {
	let line = document(0, prose(0)).line().unwrap();
	let text = String::from_utf8(line.clone()).unwrap();
	let long = serde_json::to_vec(&document(0, "x ".repeat(SAMPLE_BYTES_MAX / 8))).unwrap();
	let wrong = [
		text.replace("\"text\":", "\"text\": ").into_bytes(),
		text.replace("0f3c0f3c", "srv-jane").into_bytes(),
		text.replace("text/", "other/").into_bytes(),
		[&b"{}"[..], &[b' '; 120]].concat(),
		[0xff; 130].to_vec(),
		long,
	];
	let lines: Vec<Vec<u8>> = [line].into_iter().chain(wrong).collect();
	let report = offered_lines(&lines, 10).audit([4; 32]);
	assert_eq!((report.sampled, report.malformed), (7, 6));
}

#[test]
fn a_dataset_that_is_not_what_its_manifest_says_is_a_fault() {
	let whole = offered(texts(30), 10);
	let fault =
		|manifest: &[u8], offer: &Offer| Plan::new(manifest, offer, [5; 32], SAMPLE_BYTES_MAX).unwrap_err();
	let text = String::from_utf8(whole.manifest.clone()).unwrap();
	for (from, to, wanted) in [
		("\"version\":1}", "\"version\":2}", Fault::ManifestUnknown),
		("\"version\":1}", "\"version\":2,\"wonder\":1}", Fault::ManifestUnknown),
		("\"blyan-dataset\"", "\"other\"", Fault::ManifestUnknown),
		("\"blobs\":", "\"blobs\": ", Fault::ManifestMalformed),
		("\"documents\":30", "\"documents\":31", Fault::ManifestMalformed),
		("\"documents\":10", "\"documents\":4000000", Fault::ManifestMalformed),
		("}", "", Fault::ManifestMalformed),
	] {
		// The last of them: the rules have a version, too.
		let (before, after) = text.rsplit_once(from).unwrap();
		let changed = [before, to, after].concat();
		assert_eq!(fault(changed.as_bytes(), &whole.offer), wanted, "{to}");
	}
	assert_eq!(fault(&vec![b' '; 33 << 20], &whole.offer), Fault::ManifestTooLarge);
	for offer in [
		Offer { records: 31, ..whole.offer.clone() },
		Offer { bytes: 1, ..whole.offer.clone() },
		Offer { blobs: 4, ..whole.offer.clone() },
		Offer { licence: "MIT".into(), ..whole.offer.clone() },
		Offer { root: [0; 32], ..whole.offer.clone() },
	] {
		assert_eq!(fault(&whole.manifest, &offer), Fault::OfferDiffers);
	}
	// Blobs that have their hashes, of a manifest that says other things about them.
	let record = |edit: fn(&mut Manifest)| {
		let mut manifest: Manifest = serde_json::from_slice(&whole.manifest).unwrap();
		edit(&mut manifest);
		let roots: Vec<Hash> =
			manifest.blobs.iter().map(|blob| Hash::try_from(from_hex(&blob.root)).unwrap()).collect();
		manifest.root = manifest::root(&roots);
		manifest.documents = manifest.blobs.iter().map(|blob| blob.documents).sum();
		let bytes = manifest.blobs.iter().map(|blob| blob.bytes).sum();
		let root = merkle::root(&roots);
		let offer = Offer { root, records: manifest.documents, bytes, ..whole.offer.clone() };
		Offered { manifest: manifest.canonical().unwrap(), blobs: whole.blobs.clone(), offer }.audit([5; 32])
	};
	assert_eq!(record(|_| ()).fault, None);
	assert_eq!(record(|manifest| manifest.blobs[1].documents = 9).fault, Some(Fault::BlobDiffers));
	assert_eq!(record(|manifest| manifest.blobs[1].bytes += 1).fault, Some(Fault::BlobDiffers));
	let swap = |manifest: &mut Manifest| {
		let root = manifest.blobs[0].root.clone();
		manifest.blobs[0].root = std::mem::replace(&mut manifest.blobs[1].root, root);
	};
	assert_eq!(record(swap).fault, Some(Fault::BlobDiffers));
}

fn from_hex(text: &str) -> Vec<u8> {
	(0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
}

#[test]
fn a_damaged_copy_is_this_machines_fault_and_an_audit_can_be_given_up() {
	let whole = offered(texts(10), 10);
	let plan = whole.plan([6; 32]);
	let mut damaged = whole.blobs[0].clone();
	damaged[7] ^= 1;
	assert_eq!(audit(&plan, &[&damaged], &|| true), Err(AuditError::Damaged(0)));
	assert_eq!(audit(&plan, &[], &|| true), Err(AuditError::Damaged(0)));
	assert_eq!(audit(&plan, &[&whole.blobs[0]], &|| false), Err(AuditError::Interrupted));
}

#[test]
fn a_large_dataset_is_sampled_within_the_bound_and_by_the_seed() {
	// Thirty blobs of 256 KiB: 7.5 MiB, of which four blobs are a mebibyte.
	let long = |number: usize| document(number, prose(number).repeat(20));
	let whole = offered((0..1_200).map(long).collect(), 40);
	let reports: Vec<AuditReport> = (0..4).map(|seed| whole.audit([seed; 32])).collect();
	for report in &reports {
		assert!(report.sampled_bytes as usize <= SAMPLE_BYTES_MAX);
		assert!((40..=160).contains(&report.sampled), "{}", report.sampled);
	}
	assert_ne!(reports[0].sample_root, reports[1].sample_root);
	let planned = |seed| whole.plan([seed; 32]).blobs().iter().map(|blob| blob.number).collect::<Vec<_>>();
	assert!((0..4).any(|seed| planned(seed) != planned(9)));
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(24))]

	#[test]
	fn a_report_is_the_same_on_any_number_of_threads(seed: [u8; 32], threads in 1_usize..5, spoilt in 0_usize..40) {
		let mut documents = texts(40);
		documents[spoilt] = document(spoilt, format!("{}jane.doe@example.org", prose(spoilt)));
		let whole = offered(documents, 7);
		let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
		prop_assert_eq!(pool.install(|| whole.audit(seed)), whole.audit(seed));
	}

	#[test]
	fn a_changed_record_is_noticed(seed: [u8; 32], at: prop::sample::Index, bit in 0_u8..8) {
		let whole = offered(texts(12), 12);
		let before = whole.audit(seed);
		// A maker who changes a byte and names the new bytes; what is left of the lines is offered as it is.
		let mut blob = whole.blobs[0].clone();
		let place = at.index(blob.len() - 1);
		blob[place] ^= 1 << bit;
		let lines: Vec<Vec<u8>> =
			blob.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
		let changed = offered_lines(&lines, lines.len());
		prop_assert_ne!(&changed.offer.root, &whole.offer.root);
		let plan = Plan::new(&changed.manifest, &changed.offer, seed, SAMPLE_BYTES_MAX);
		if let Ok(plan) = plan {
			let after = audit(&plan, &[&changed.blobs[0]], &|| true).unwrap();
			prop_assert_ne!(after.sample_root, before.sample_root);
		}
		// A node that serves such a blob under the old name is found out by the hash.
		let served = audit(&whole.plan(seed), &[&blob], &|| true);
		prop_assert_eq!(served, Err(AuditError::Damaged(0)));
	}

	#[test]
	fn no_manifest_is_a_panic(bytes: Vec<u8>, cut: prop::sample::Index, seed: [u8; 32]) {
		let whole = offered(texts(3), 2);
		let part = &whole.manifest[..cut.index(whole.manifest.len())];
		for bytes in [bytes.as_slice(), part] {
			prop_assert!(Plan::new(bytes, &whole.offer, seed, SAMPLE_BYTES_MAX).is_err());
		}
	}
}
