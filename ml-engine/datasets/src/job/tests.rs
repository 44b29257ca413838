//! Jobs over every format, killed and unharmed.

use super::*;
use crate::{
	filter::{Filter, Runs},
	manifest::blob_name,
	Document, Note, Reason,
};
use std::{collections::BTreeMap, io::BufRead};

fn options() -> Options {
	Options { licence: Some(Licence::parse("CC0-1.0").unwrap()), ..Options::default() }
}

/// Prose of which no five words come twice.
fn prose(seed: usize, words: usize) -> String {
	let word = |n: usize| {
		let hash = blyan_exact::blake2_256(&[&seed.to_le_bytes(), &n.to_le_bytes()]);
		// Without two letters, so that no short word of the toxic list comes up by chance.
		let letters = b"abcdefghijlmnopqrtuvwxyz";
		let drawn = hash.iter().take(3 + usize::from(hash[31] % 6));
		drawn.map(|byte| char::from(letters[usize::from(*byte) % letters.len()])).collect::<String>()
	};
	let text: Vec<String> = (0..words)
		.map(|n| match n % 60 {
			59 => format!("{}.\n\n", word(n)),
			_ => format!("{} ", word(n)),
		})
		.collect();
	text.concat()
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
	let path = folder.join(name);
	fs::create_dir_all(path.parent().unwrap()).unwrap();
	fs::write(&path, bytes).unwrap();
	path
}

fn jsonl(texts: &[String]) -> String {
	texts.iter().map(|text| format!("{}\n", serde_json::json!({ "text": text }))).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
	let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
	encoder.write_all(bytes).unwrap();
	encoder.finish().unwrap()
}

fn documents(out: &Path, manifest: &Manifest) -> Vec<Document> {
	(0..manifest.blobs.len())
		.flat_map(|number| {
			let file = File::open(out.join(blob_name(number))).unwrap();
			let lines = std::io::BufReader::new(file).lines();
			lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect::<Vec<Document>>()
		})
		.collect()
}

/// All files of a folder with their bytes.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
	let mut all = BTreeMap::new();
	for name in ["manifest.json", "croissant.json"] {
		all.insert(name.to_string(), fs::read(folder.join(name)).unwrap());
	}
	for entry in fs::read_dir(folder.join("blobs")).unwrap() {
		let entry = entry.unwrap();
		all.insert(entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
	}
	all
}

fn make(paths: &[PathBuf], out: &Path, options: &Options) -> Result<Report, Error> {
	create(paths, out, options, &mut |_| true)
}

fn parquet_file(path: &Path, texts: &[String]) {
	use parquet::{
		data_type::{ByteArray, ByteArrayType},
		file::{properties::WriterProperties, writer::SerializedFileWriter},
		schema::parser::parse_message_type,
	};
	let schema =
		parse_message_type("message schema { required binary text (UTF8); required int64 id; }").unwrap();
	let compression = parquet::basic::Compression::ZSTD(Default::default());
	let properties = WriterProperties::builder().set_compression(compression).build();
	let file = File::create(path).unwrap();
	let mut writer = SerializedFileWriter::new(file, schema.into(), properties.into()).unwrap();
	for rows in texts.chunks(3) {
		let mut group = writer.next_row_group().unwrap();
		let values: Vec<ByteArray> = rows.iter().map(|text| text.as_str().into()).collect();
		let mut column = group.next_column().unwrap().unwrap();
		column.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
		column.close().unwrap();
		let ids: Vec<i64> = (0..rows.len() as i64).collect();
		let mut column = group.next_column().unwrap().unwrap();
		column.typed::<parquet::data_type::Int64Type>().write_batch(&ids, None, None).unwrap();
		column.close().unwrap();
		group.close().unwrap();
	}
	writer.close().unwrap();
}

#[test]
fn the_same_texts_in_any_format_are_the_same_documents() {
	let folder = tempfile::tempdir().unwrap();
	let texts: Vec<String> = (0..8).map(|seed| prose(seed, 50).trim().to_string()).collect();
	let lines = jsonl(&texts);
	let members: Vec<u8> = lines.split_inclusive('\n').flat_map(|line| gzip(line.as_bytes())).collect();
	let table: String = texts.iter().map(|text| format!("1,\"{}\"\r\n", text.replace('"', "\"\""))).collect();
	let tabs: String = texts.iter().map(|text| format!("{}\t2\n", text.replace('\n', " "))).collect();
	write(folder.path(), "plain/a.jsonl", &lines);
	write(folder.path(), "mark/a.jsonl", format!("\u{feff}{}", lines.replace('\n', "\r\n")));
	write(folder.path(), "gzip/a.jsonl.gz", members);
	write(folder.path(), "zstd/a.ndjson.zst", zstd::stream::encode_all(lines.as_bytes(), 3).unwrap());
	write(folder.path(), "table/a.csv", format!("\u{feff}id,text\r\n{table}"));
	write(folder.path(), "tabs/a.tsv", format!("text\tid\n{tabs}"));
	for (index, text) in texts.iter().enumerate() {
		write(folder.path(), &format!("texts/{index}.md"), text);
	}
	fs::create_dir(folder.path().join("parquet")).unwrap();
	parquet_file(&folder.path().join("parquet/a.parquet"), &texts);
	let mut first: Option<Vec<String>> = None;
	for name in ["plain", "mark", "gzip", "zstd", "table", "tabs", "texts", "parquet"] {
		let out = folder.path().join(format!("out-{name}"));
		let report = make(&[folder.path().join(name)], &out, &options())
			.unwrap_or_else(|error| panic!("{name}: {error}"));
		let texts: Vec<String> =
			documents(&out, &report.manifest).into_iter().map(|document| document.text).collect();
		assert_eq!(texts.len(), 8, "{name}: {}", report.tally);
		assert_eq!(*first.get_or_insert(texts.clone()), texts, "{name}");
		assert_eq!(check(&out, &mut |_| true).unwrap(), report.manifest, "{name}");
	}
}

#[test]
fn every_fault_of_a_source_is_counted_with_its_reason() {
	let folder = tempfile::tempdir().unwrap();
	let data = folder.path().join("data");
	let good = |seed| prose(seed, 40).trim().to_string();
	let mut lines = jsonl(&[good(1)]).into_bytes();
	for line in [
		b"{\"text\": broken\n".to_vec(),
		b"{\"title\": \"no text here\"}\n".to_vec(),
		b"{\"text\": \"a byte that is \xff none\"}\n".to_vec(),
		format!("{{\"text\": \"{}\"}}\n", "long ".repeat(1_000)).into_bytes(),
		b"\n".to_vec(),
		b"{\"text\": \"a zero \\u0000 in the middle of a text\"}\n".to_vec(),
		b"{\"text\": \"short\"}\n".to_vec(),
		format!("{{\"text\": \"{}\", \"license\": \"banana\"}}\n", "words and more words of it").into_bytes(),
		format!("{{\"text\": \"{}\", \"license\": \"GPL-3.0-only\"}}\n", "words and some more of it")
			.into_bytes(),
		jsonl(&[good(1)]).into_bytes(),
	] {
		lines.extend(line);
	}
	write(&data, "a.jsonl", lines);
	write(&data, "utf16.txt", b"\xff\xfea\0b\0");
	write(&data, "latin.txt", b"cliche\xe9 and words that go on for a while");
	write(&data, "picture.png", [0_u8; 64]);
	write(&data, "inner.txt.gz", gzip(b"PK\x03\x04 an archive in an archive"));
	let whole = gzip(good(2).as_bytes());
	write(&data, "cut.txt.gz", &whole[..whole.len() - 12]);
	write(&data, "broken.parquet", b"PAR1 and nothing of the kind PAR1");
	write(&data, "bad.csv", b"text,id\n\"never closed\n");
	write(&data, "LICENSE", "Do as you like.");
	write(&data, ".hidden", "x");
	let limits = Limits { row_bytes_max: 4_000, ..Limits::default() };
	let out = folder.path().join("out");
	let report = make(&[data], &out, &Options { limits, ..options() }).unwrap();
	let counts = &report.tally.counts;
	for (reason, count) in [
		(Reason::Malformed, 1),
		(Reason::NoText, 1),
		(Reason::NotUtf8, 2),
		(Reason::LineTooLong, 1),
		(Reason::Nul, 1),
		(Reason::TooShort, 2),
		(Reason::LicenceUnknown, 1),
		(Reason::LicenceNotPermissive, 1),
		(Reason::Duplicate, 1),
		(Reason::Utf16, 1),
		(Reason::NotText, 2),
		(Reason::Damaged, 2),
		(Reason::LicenceFile, 1),
		(Reason::Metadata, 1),
	] {
		assert_eq!(counts.left_out_for(reason), count, "{reason}: {}", report.tally);
	}
	assert_eq!(counts.left_out_total(), 18, "{}", report.tally);
	assert_eq!(report.manifest.documents, 1);
	let listed = report.tally.to_string();
	assert!(listed.contains("(latin.txt, 1)") || listed.contains("(a.jsonl, 4)"), "{listed}");
}

#[test]
fn bombs_are_refused_by_what_they_declare_and_while_they_expand() {
	let folder = tempfile::tempdir().unwrap();
	let data = folder.path().join("data");
	let zeros = vec![b'a'; 24 << 20];
	write(&data, "declared.txt.zst", zstd::bulk::compress(&zeros, 3).unwrap());
	// Without a length in its frame.
	write(&data, "silent.txt.zst", zstd::stream::encode_all(zeros.as_slice(), 3).unwrap());
	write(&data, "one.txt.gz", gzip(&zeros));
	// The last member is small, so the length at the end says nothing.
	write(&data, "two.jsonl.gz", [gzip(&zeros), gzip(b"{}\n")].concat());
	write(&data, "good.txt", prose(1, 50));
	let report = make(&[data], &folder.path().join("out"), &options()).unwrap();
	assert_eq!(report.tally.counts.left_out_for(Reason::Bomb), 4, "{}", report.tally);
	assert_eq!(report.manifest.documents, 1);
}

#[test]
fn a_dataset_depends_on_contents_alone_and_names_no_person() {
	let folder = tempfile::tempdir().unwrap();
	let texts: Vec<String> = (0..30).map(|seed| prose(seed, 40)).collect();
	let one = folder.path().join("home/jane.doe");
	write(&one, "secret-project/a.jsonl", jsonl(&texts[..20]));
	write(&one, "b.txt", &texts[25]);
	write(&one, "c.csv", format!("text\n\"{}\"\n", texts[26].replace('\n', " ")));
	let other = folder.path().join("elsewhere");
	write(&other, "x.jsonl", jsonl(&texts[..20]));
	write(&other, "y/z.txt", &texts[25]);
	write(&other, "y/c.csv", format!("text\n\"{}\"\n", texts[26].replace('\n', " ")));
	let (first, second) = (folder.path().join("first"), folder.path().join("second"));
	make(std::slice::from_ref(&one), &first, &options()).unwrap();
	let paths = ["y/z.txt", "y/../x.jsonl", "y/c.csv", "x.jsonl"].map(|name| other.join(name));
	make(&paths, &second, &options()).unwrap();
	assert_eq!(contents(&first), contents(&second));
	for (name, bytes) in contents(&first) {
		let text = String::from_utf8(bytes).unwrap();
		for trace in ["jane", "secret-project", "home", folder.path().to_str().unwrap()] {
			assert!(!text.contains(trace), "{trace} in {name}");
		}
	}
}

#[test]
fn a_job_that_is_killed_anywhere_goes_on_to_the_same_bytes() {
	let folder = tempfile::tempdir().unwrap();
	let data = folder.path().join("data");
	let mut texts: Vec<String> = (0..600).map(|seed| prose(seed, 30)).collect();
	texts.extend((0..50).map(|seed| prose(seed, 30)));
	write(&data, "a.jsonl", jsonl(&texts[..400]));
	write(&data, "b.jsonl.gz", gzip(jsonl(&texts[400..]).as_bytes()));
	write(&data, "book.txt", prose(7_000, 30_000));
	let sizes =
		Sizes { state_bytes: 1, blob_bytes_max: 20_000, document_bytes_max: 8 << 10, ..Sizes::default() };
	let options = Options { sizes, ..options() };
	let whole = folder.path().join("whole");
	let report = make(std::slice::from_ref(&data), &whole, &options).unwrap();
	assert!(report.manifest.blobs.len() > 3);
	assert_eq!(report.tally.counts.left_out_for(Reason::Duplicate), 50);
	let mut reports = 0;
	create(std::slice::from_ref(&data), &folder.path().join("counted"), &options, &mut |_| {
		reports += 1;
		true
	})
	.unwrap();
	for stop in std::collections::BTreeSet::from([0, 1, reports / 4, reports / 2, reports - 3]) {
		let out = folder.path().join(format!("stopped-{stop}"));
		let (mut calls, mut runs) = (0, 0);
		loop {
			runs += 1;
			let mut left = stop + runs;
			let made = create(std::slice::from_ref(&data), &out, &options, &mut |_| {
				calls += 1;
				left -= 1;
				left > 0
			});
			match made {
				Err(Error::Interrupted) => {
					// What a dying process writes behind the state is cut off.
					let part = out.join(".job/parts/05");
					if part.exists() {
						let mut bytes = fs::read(&part).unwrap();
						bytes.extend_from_slice(b"half a text");
						fs::write(&part, bytes).unwrap();
					}
				}
				Ok(again) => {
					assert_eq!(again.manifest, report.manifest);
					break;
				}
				Err(error) => panic!("{error}"),
			}
			assert!(runs < 1_000, "{calls}");
		}
		assert!(runs > 1, "never stopped");
		assert_eq!(contents(&out), contents(&whole));
		assert!(!out.join(".job").exists());
	}
}

#[test]
fn an_unfinished_job_of_other_sources_and_a_full_folder_are_refused() {
	let folder = tempfile::tempdir().unwrap();
	let (one, two) =
		(write(folder.path(), "a.txt", prose(1, 50)), write(folder.path(), "b.txt", prose(2, 50)));
	let out = folder.path().join("out");
	let mut calls = 0;
	let stopped = create(std::slice::from_ref(&one), &out, &options(), &mut |_| {
		calls += 1;
		calls < 2
	});
	assert!(matches!(stopped, Err(Error::Interrupted)));
	assert!(matches!(make(&[two], &out, &options()), Err(Error::OtherJob { .. })));
	make(std::slice::from_ref(&one), &out, &options()).unwrap();
	assert!(matches!(make(&[one], &out, &options()), Err(Error::NotEmpty { .. })));
}

#[test]
fn the_licence_is_the_folders_or_the_callers_and_never_both() {
	let folder = tempfile::tempdir().unwrap();
	let data = folder.path().join("data");
	write(&data, "a.txt", prose(1, 50));
	let unstated = Options { licence: None, ..options() };
	let out = |name: &str| folder.path().join(name);
	assert!(matches!(make(std::slice::from_ref(&data), &out("0"), &unstated), Err(Error::LicenceMissing)));
	assert!(check_sources(std::slice::from_ref(&data), &unstated, &mut |_| true, |_| ()).is_ok());
	write(&data, "README.md", "---\nlicense: cc-by-4.0\nlanguage: en\n---\n");
	let report = make(std::slice::from_ref(&data), &out("1"), &unstated).unwrap();
	assert_eq!((report.manifest.licence.as_str(), report.licence_from.as_str()), ("CC-BY-4.0", "README.md"));
	assert_eq!(report.manifest.languages, BTreeMap::from([("en".to_string(), 1)]));
	assert!(matches!(
		make(std::slice::from_ref(&data), &out("2"), &options()),
		Err(Error::LicenceConflict { .. })
	));
	write(&data, "README.md", "---\nlicense: cc-by-nc-4.0\n---\n");
	assert!(matches!(
		make(std::slice::from_ref(&data), &out("3"), &unstated),
		Err(Error::LicenceNotPermissive(_))
	));
}

#[test]
fn a_dataset_that_was_made_is_a_source_with_its_own_description() {
	let folder = tempfile::tempdir().unwrap();
	let path =
		write(folder.path(), "a.jsonl", jsonl(&(0..5).map(|seed| prose(seed, 40)).collect::<Vec<_>>()));
	let out = folder.path().join("out");
	let first = make(&[path], &out, &options()).unwrap();
	let again = make(
		std::slice::from_ref(&out),
		&folder.path().join("again"),
		&Options { licence: None, ..options() },
	)
	.unwrap();
	assert_eq!(again.licence_from, "Croissant");
	assert_eq!(again.manifest.documents, first.manifest.documents);
	// A blob that was changed behind the description is refused.
	let blob = out.join(blob_name(0));
	let changed = fs::read_to_string(&blob).unwrap().replacen("\"text\":\"", "\"text\":\"more ", 1);
	fs::write(&blob, changed).unwrap();
	let refused = make(
		std::slice::from_ref(&out),
		&folder.path().join("third"),
		&Options { licence: None, ..options() },
	);
	assert!(matches!(refused, Err(Error::Checksum { .. })));
	assert!(matches!(check(&out, &mut |_| true), Err(Error::Invalid { .. })));
}

#[test]
fn books_are_cut_and_none_of_their_words_are_lost() {
	let folder = tempfile::tempdir().unwrap();
	let books: Vec<String> = (0..50).map(|seed| prose(seed * 1_000, 25_000)).collect();
	for (index, book) in books.iter().enumerate() {
		write(folder.path(), &format!("books/{index}.txt"), book);
	}
	let out = folder.path().join("out");
	let report = make(&[folder.path().join("books")], &out, &options()).unwrap();
	assert_eq!(report.tally.counts.left_out_total(), 0, "{}", report.tally);
	assert_eq!(report.tally.counts.notes[&Note::Cut], 50);
	assert_eq!(report.manifest.bytes, books.iter().map(|book| book.len() as u64).sum::<u64>());
	// Pieces in the order of their origins are the book.
	let mut of_one: BTreeMap<(String, u64, u64), String> = BTreeMap::new();
	for document in documents(&out, &report.manifest) {
		let (file, place) = document.origin.split_once('#').unwrap();
		let (row, piece) = place.split_once('.').unwrap();
		of_one.insert((file.into(), row.parse().unwrap(), piece.parse().unwrap()), document.text);
	}
	let mut joined: BTreeMap<String, String> = BTreeMap::new();
	for ((file, ..), text) in of_one {
		joined.entry(file).or_default().push_str(&text);
	}
	let (mut joined, mut books) = (joined.into_values().collect::<Vec<_>>(), books);
	joined.sort();
	books.sort();
	assert!(joined == books);
}

#[test]
fn two_hundred_sources_under_one_header_are_all_kept() {
	let folder = tempfile::tempdir().unwrap();
	let header = "// Copyright of the authors.\n// Licensed under the Apache License, Version 2.0; you may not use this\n\
		// file except in compliance with the License. You may obtain a copy of the License at the usual place.\n\
		// Unless required by applicable law or agreed to in writing, software distributed under the License is\n\
		// distributed on an \"AS IS\" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.\n"
		.repeat(4);
	for n in 0..200 {
		let body = prose(n, 12).replace("\n\n", "").replace(' ', "_");
		write(
			folder.path(),
			&format!("src/{n}.rs"),
			format!("{header}\nfn {body}(a: u32) -> u32 {{\n\ta * {n} + 1\n}}\n"),
		);
	}
	let report = make(&[folder.path().join("src")], &folder.path().join("out"), &options()).unwrap();
	assert_eq!(report.manifest.documents, 200, "{}", report.tally);
}

#[test]
fn near_duplicates_leave_one_and_a_chain_is_not_one_cluster() {
	let folder = tempfile::tempdir().unwrap();
	// Each text shares nine tenths with the next, and the last nothing with the first.
	let words: Vec<String> = prose(1, 600).split_whitespace().map(str::to_string).collect();
	let chain: Vec<String> = (0..20).map(|step| words[step * 10..step * 10 + 200].join(" ")).collect();
	let copies: Vec<String> = (0..10).map(|n| format!("{} copy{n}", prose(2, 300))).collect();
	let path = write(folder.path(), "a.jsonl", jsonl(&[chain.clone(), copies].concat()));
	let out = folder.path().join("out");
	let report = make(&[path], &out, &options()).unwrap();
	let kept: Vec<String> =
		documents(&out, &report.manifest).into_iter().map(|document| document.text).collect();
	assert_eq!(kept.iter().filter(|text| text.contains("copy")).count(), 1);
	assert_eq!(report.manifest.clusters.largest, 10);
	// Every text of the chain is near one that was kept.
	let runs: Vec<Runs> = kept.iter().map(|text| Runs::of(text)).collect();
	assert!(chain.iter().all(|text| runs.iter().any(|kept| kept.is_near(&Runs::of(text)))));
	let of_chain = kept.iter().filter(|text| chain.contains(text)).count();
	assert!((4..20).contains(&of_chain), "{of_chain}");
}

#[test]
fn a_job_with_hardly_any_memory_makes_the_same_dataset_and_goes_on_with_more() {
	let folder = tempfile::tempdir().unwrap();
	let mut texts: Vec<String> = (0..400).map(|seed| prose(seed % 300, 40)).collect();
	texts.extend((0..90).map(|seed| format!("{} and so on {seed}", prose(seed % 30, 60))));
	let path = write(folder.path(), "a.jsonl", jsonl(&texts));
	let with = |memory_bytes_max| {
		let sizes = Sizes { memory_bytes_max, state_bytes: 1, ..Sizes::default() };
		Options { sizes, ..options() }
	};
	let whole = folder.path().join("whole");
	let report = make(std::slice::from_ref(&path), &whole, &with(MEMORY_BYTES_MAX)).unwrap();
	assert!(report.manifest.clusters.count >= 25 && report.tally.counts.left_out_for(Reason::Duplicate) > 90);
	// A byte is a run on disk for every sixteen keys, and all that is kept by group in a file.
	for memory in [0, 1, 5_000] {
		let out = folder.path().join(format!("with-{memory}"));
		let again = make(std::slice::from_ref(&path), &out, &with(memory)).unwrap();
		assert_eq!(
			(again.manifest, contents(&out)),
			(report.manifest.clone(), contents(&whole)),
			"{memory} bytes"
		);
	}
	let out = folder.path().join("goes-on");
	let stopped = create(std::slice::from_ref(&path), &out, &with(0), &mut |now| now.stage == Stage::Hashing);
	assert!(matches!(stopped, Err(Error::Interrupted)));
	// What a run that was killed in the middle of sorting leaves behind.
	write(&out, ".job/sorted/keys-00001", "half a run");
	make(&[path], &out, &with(1 << 20)).unwrap();
	assert_eq!(contents(&out), contents(&whole));
	assert!(!out.join(".job").exists());
}

#[test]
fn a_limit_is_kept_and_what_is_beyond_is_counted() {
	let folder = tempfile::tempdir().unwrap();
	let texts: Vec<String> = (0..20).map(|seed| prose(seed, 40)).collect();
	let path = write(folder.path(), "a.jsonl", jsonl(&texts));
	let sizes = Sizes { dataset_bytes_max: 2_000, ..Sizes::default() };
	let report = make(&[path], &folder.path().join("out"), &Options { sizes, ..options() }).unwrap();
	assert!(report.manifest.bytes <= 2_000 && report.manifest.documents > 3);
	let beyond = report.tally.counts.left_out_for(Reason::OverLimit);
	assert_eq!(report.manifest.documents + beyond, 20);
}

#[test]
fn a_check_sees_any_change() {
	let folder = tempfile::tempdir().unwrap();
	let path =
		write(folder.path(), "a.jsonl", jsonl(&(0..9).map(|seed| prose(seed, 40)).collect::<Vec<_>>()));
	let out = folder.path().join("out");
	make(&[path], &out, &options()).unwrap();
	assert!(check(&out, &mut |_| true).is_ok());
	for (name, from, to) in [
		("manifest.json", "\"documents\":9", "\"documents\":8"),
		("manifest.json", "\"held_out\":", "\"held_out\":1"),
		("manifest.json", "{\"blobs\"", "{ \"blobs\""),
		("blobs/00000.jsonl", "\"license\":\"CC0-1.0\"", "\"license\":\"CC0-1.1\""),
	] {
		let file = out.join(name);
		let text = fs::read_to_string(&file).unwrap();
		let changed = text.replacen(from, to, 1);
		assert_ne!(changed, text, "{name}: {from}");
		fs::write(&file, changed).unwrap();
		assert!(matches!(check(&out, &mut |_| true), Err(Error::Invalid { .. })), "{name}: {from}");
		fs::write(&file, text).unwrap();
	}
	assert!(check(&out, &mut |_| true).is_ok());
}

#[test]
fn nothing_left_is_an_error_that_says_why() {
	let folder = tempfile::tempdir().unwrap();
	let path = write(folder.path(), "a.txt", "tiny");
	let out = folder.path().join("out");
	let error = make(std::slice::from_ref(&path), &out, &options()).unwrap_err();
	assert!(error.to_string().contains("1 too short (a.txt, 1)"), "{error}");
	// And the folder is free for another try.
	fs::write(path, prose(1, 40)).unwrap();
	assert!(!out.exists());
	assert!(make(&[folder.path().join("a.txt")], &out, &options()).is_ok());
	assert_eq!(Filter::new(options().rules).judge("tiny").reason, Some(Reason::TooShort));
}

#[test]
fn an_empty_job_that_was_killed_while_it_cleaned_up_leaves_a_folder_that_is_taken_again() {
	let folder = tempfile::tempdir().unwrap();
	let path = write(folder.path(), "a.txt", prose(1, 40));
	for (number, left) in [&["blobs"][..], &[".job/parts", "blobs"], &[".job"], &[]].into_iter().enumerate() {
		let out = folder.path().join(format!("out-{number}"));
		fs::create_dir(&out).unwrap();
		left.iter().for_each(|name| fs::create_dir_all(out.join(name)).unwrap());
		make(std::slice::from_ref(&path), &out, &options())
			.unwrap_or_else(|error| panic!("{left:?}: {error}"));
		assert!(check(&out, &mut |_| true).is_ok());
	}
	// A folder with a blob, or with anything else of the same name, is not empty.
	let out = folder.path().join("full");
	write(&out, "blobs/00000.jsonl", "");
	assert!(matches!(make(std::slice::from_ref(&path), &out, &options()), Err(Error::NotEmpty { .. })));
	let out = folder.path().join("file");
	write(&out, "blobs", "");
	assert!(matches!(make(&[path], &out, &options()), Err(Error::NotEmpty { .. })));
}

#[test]
fn what_a_file_says_at_its_beginning_holds_for_all_of_its_pieces() {
	let folder = tempfile::tempdir().unwrap();
	let header = "// This program is free software under the GNU General Public License.\n\n";
	// Longer than a document, and longer than a stretch.
	for (name, words) in [("short.c", 30_000), ("long.c", 300_000)] {
		let data = folder.path().join(name);
		write(&data, "kept.txt", prose(1, 50));
		write(&data, name, format!("{header}{}", prose(2, words)));
		let report = make(&[data], &folder.path().join(format!("out-{name}")), &options()).unwrap();
		assert_eq!(report.manifest.documents, 1, "{name}: {}", report.tally);
		assert!(report.tally.counts.left_out_for(Reason::LicenceNotPermissive) > 2, "{}", report.tally);
	}
}

#[test]
fn a_private_key_that_is_cut_leaves_out_every_piece_of_its_text() {
	let folder = tempfile::tempdir().unwrap();
	let half = |seed| prose(seed, 6_000).replace("\n\n", " ");
	// The only paragraph ends behind the key's first line, so that is where the text is cut. Put together here, so that no
	// scanner takes this file for a leak.
	let key = format!("{} PRIVATE KEY-----\n\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "-----BEGIN");
	let text = format!("{}\n{key}\n{}", half(1), half(2));
	let pieces = crate::cut::pieces(&text, Sizes::default().document_bytes_max);
	let filter = Filter::new(options().rules);
	assert_eq!(pieces.len(), 2);
	assert!(pieces[1].starts_with("MII"), "{}", &pieces[1][..40]);
	assert!(
		pieces.iter().all(|piece| filter.judge(piece).reason.is_none()),
		"a piece alone gives nothing away"
	);
	write(folder.path(), "data/kept.txt", prose(3, 50));
	write(folder.path(), "data/notes.txt", &text);
	write(folder.path(), "data/rows.jsonl", jsonl(&[text.replace("MIIE", "MIIF")]));
	let report = make(&[folder.path().join("data")], &folder.path().join("out"), &options()).unwrap();
	assert_eq!(report.manifest.documents, 1, "{}", report.tally);
	assert_eq!(report.tally.counts.left_out_for(Reason::Secret), 4, "{}", report.tally);
	assert_eq!(report.tally.counts.findings[&crate::Finding::PrivateKey], 2);
}

#[test]
fn a_row_of_parquet_is_no_longer_than_a_line() {
	let folder = tempfile::tempdir().unwrap();
	let path = folder.path().join("a.parquet");
	parquet_file(&path, &[prose(1, 50), prose(2, 2_000)]);
	let limits = Limits { row_bytes_max: 4_000, ..Limits::default() };
	let report = make(&[path], &folder.path().join("out"), &Options { limits, ..options() }).unwrap();
	assert_eq!(report.manifest.documents, 1);
	assert_eq!(report.tally.counts.left_out_for(Reason::LineTooLong), 1, "{}", report.tally);
}

#[test]
fn a_table_whose_first_row_cannot_be_read_names_no_columns() {
	let folder = tempfile::tempdir().unwrap();
	let mut table = b"text,caf\xe9\n".to_vec();
	table.extend(b"text,other\nwords that are in the second row of it,1\n");
	write(folder.path(), "data/a.csv", table);
	write(folder.path(), "data/kept.txt", prose(1, 50));
	let report = make(&[folder.path().join("data")], &folder.path().join("out"), &options()).unwrap();
	assert_eq!(report.manifest.documents, 1, "{}", report.tally);
	assert_eq!(report.tally.counts.left_out_for(Reason::NotUtf8), 1, "{}", report.tally);
}

#[test]
fn two_runs_do_not_make_one_dataset() {
	let folder = tempfile::tempdir().unwrap();
	let path = write(folder.path(), "a.txt", prose(1, 50));
	let out = folder.path().join("out");
	let mut refused = 0;
	create(std::slice::from_ref(&path), &out, &options(), &mut |progress: &Progress| {
		if progress.stage == Stage::Reading {
			let second = make(std::slice::from_ref(&path), &out, &options());
			assert!(matches!(second, Err(Error::UnderWay { .. })));
			refused += 1;
		}
		true
	})
	.unwrap();
	assert!(refused > 0);
	assert!(check(&out, &mut |_| true).is_ok());
}

#[test]
fn a_run_that_was_killed_while_it_cleaned_up_has_made_its_dataset() {
	let folder = tempfile::tempdir().unwrap();
	let path = write(folder.path(), "a.txt", prose(1, 50));
	let out = folder.path().join("out");
	let report = make(std::slice::from_ref(&path), &out, &options()).unwrap();
	fs::create_dir_all(out.join(".job/parts")).unwrap();
	assert!(matches!(make(&[path], &out, &options()), Err(Error::NotEmpty { .. })));
	assert_eq!(check(&out, &mut |_| true).unwrap(), report.manifest);
}

#[test]
fn documents_are_those_of_the_dataset_and_a_kind_counts_before_the_name() {
	let folder = tempfile::tempdir().unwrap();
	let path = write(folder.path(), "a.data", jsonl(&[prose(1, 30), prose(2, 30), "short".into()]));
	let options = Options { kind: Some(Kind::JsonLines), ..options() };
	let (read, report) = super::documents(std::slice::from_ref(&path), &options, &mut |_| true).unwrap();
	let mut texts: Vec<&str> = read.iter().map(|document| document.text.as_str()).collect();
	texts.sort_unstable();
	let mut wanted = [prose(1, 30), prose(2, 30)];
	wanted.sort_unstable();
	assert_eq!(texts, wanted);
	assert_eq!((report.manifest.documents, report.tally.counts.left_out_for(Reason::TooShort)), (2, 1));
	// By its name it is a text, of which braces are a part.
	let (read, _) = super::documents(&[path], &Options { kind: None, ..options }, &mut |_| true).unwrap();
	assert!(read.iter().all(|document| document.text.contains('{')));
}
