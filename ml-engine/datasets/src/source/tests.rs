//! Readers and files that no program would write.

use super::*;
use proptest::prelude::*;
use std::fs;

const KINDS: [Kind; 5] = [
	Kind::JsonLines,
	Kind::Table { separator: b',' },
	Kind::Table { separator: b'\t' },
	Kind::Parquet,
	Kind::Text,
];

/// All rows of a file of these bytes.
fn rows_of(bytes: &[u8], kind: Kind, limits: &Limits) -> Vec<Row> {
	let folder = tempfile::tempdir().unwrap();
	let path = folder.path().join("file");
	fs::write(&path, bytes).unwrap();
	let file = SourceFile { path, name: "file".into(), kind, bytes: bytes.len() as u64, hash: [0; 32] };
	rows(&file, &Layout::default(), limits).unwrap().map(Result::unwrap).collect()
}

/// Beginnings by which a reader takes the bytes for something.
fn beginning() -> impl Strategy<Value = Vec<u8>> {
	prop_oneof![
		Just(Vec::new()),
		Just(b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec()),
		Just(b"\x28\xb5\x2f\xfd".to_vec()),
		Just(b"\xef\xbb\xbf".to_vec()),
		Just(b"PAR1".to_vec()),
		Just(b"text,category\n\"".to_vec()),
		Just(b"{\"text\": \"words\"}\n{\"text\": ".to_vec()),
	]
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(400))]

	#[test]
	fn any_bytes_in_any_format_become_rows_with_a_text_or_a_reason(
		beginning in beginning(),
		bytes in prop_oneof![
			prop::collection::vec(any::<u8>(), 0..600),
			"[a-z\",{}:\\[\\]\n\r\t ]{0,600}".prop_map(String::into_bytes),
		],
		end in prop_oneof![Just(Vec::new()), Just(b"PAR1".to_vec())],
		kind in prop::sample::select(&KINDS[..]),
	) {
		let bytes = [beginning, bytes, end].concat();
		let limits = Limits { row_bytes_max: 256, ..Limits::default() };
		let read = rows_of(&bytes, kind, &limits);
		prop_assert!(read.is_sorted_by(|a, b| a.number < b.number), "{:?}", read);
		// No reader holds more than it may, whatever the file says.
		let longest = read.iter().filter_map(|row| row.content.as_ref().ok()).map(|raw| raw.text.len()).max();
		if !matches!(kind, Kind::Text) {
			prop_assert!(longest.unwrap_or_default() <= 2 * limits.row_bytes_max, "{:?}", longest);
		}
		// A text loses no byte, but for its mark and its line ends, unless there is a reason.
		if matches!(kind, Kind::Text) && read.iter().all(|row| row.content.is_ok()) {
			let is_packed = bytes.starts_with(b"\x1f\x8b") || bytes.starts_with(b"\x28\xb5\x2f\xfd");
			let text: String = read.iter().filter_map(|row| row.content.as_ref().ok()).map(|raw| raw.text.as_str()).collect();
			let plain = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
			prop_assert!(is_packed || text == plain.strip_prefix('\u{feff}').unwrap_or(&plain), "{:?}", text);
		}
	}
}

#[test]
fn a_quote_that_is_never_closed_ends_at_the_row_limit() {
	let limits = Limits { row_bytes_max: 4_096, ..Limits::default() };
	let table = format!("text\ngood\n\"never closed\n{}", "more words\n".repeat(100_000));
	let read = rows_of(table.as_bytes(), Kind::Table { separator: b',' }, &limits);
	let contents: Vec<Result<&str, Reason>> = read
		.iter()
		.map(|row| row.content.as_ref().map(|raw| raw.text.as_str()).map_err(|reason| *reason))
		.collect();
	assert_eq!(contents, [Ok("good"), Err(Reason::LineTooLong)]);
	// Below the limit it is the end of the file that ends it: one long text, and no error.
	let short = rows_of(b"text\ngood\n\"never closed\nmore", Kind::Table { separator: b',' }, &limits);
	assert_eq!(short.len(), 2);
	assert_eq!(short[1].content.as_ref().unwrap().text, "never closed\nmore");
}
