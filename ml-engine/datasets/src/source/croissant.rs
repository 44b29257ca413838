//! Croissant: descriptions of datasets in JSON-LD, read and written (<https://docs.mlcommons.org/croissant/docs/croissant-spec.html>).

use crate::{hexadecimal, Error};
use serde_json::{json, Value};
use sha2::{Digest, Sha256};
use std::{
	fs::{self, File},
	io::Read,
	path::{Component, Path, PathBuf},
};

/// Files by this name, or with this ending, may be descriptions.
const NAMES: [&str; 3] = ["croissant.json", "metadata.json", "croissant.jsonld"];
/// Larger descriptions are not read.
const BYTES_MAX: u64 = 16 << 20;
/// Mark of a description in its `conformsTo` or context.
const MARK: &str = "mlcommons.org/croissant";

/// Fields of a description that matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Croissant {
	/// Licence: an identifier, or the address of its text.
	pub licence: Option<String>,
	/// Files by their name below the folder, with their SHA-256.
	pub files: Vec<(String, Option<String>)>,
	/// Column of the text.
	pub text_field: Option<String>,
}

/// Finds the description of a folder.
///
/// # Errors
///
/// [`Error::Description`] for one that is malformed or names files outside of its folder.
pub(super) fn find(folder: &Path) -> Result<Option<(PathBuf, Croissant)>, Error> {
	for name in NAMES {
		let path = folder.join(name);
		if !path.is_file() || fs::metadata(&path).map_err(Error::io(&path))?.len() > BYTES_MAX {
			continue;
		}
		let bytes = fs::read(&path).map_err(Error::io(&path))?;
		if !String::from_utf8_lossy(&bytes).contains(MARK) {
			continue;
		}
		let refuse = |reason: String| Error::Description { path: path.clone(), reason };
		let value = serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))?;
		let croissant = parse(&value).map_err(refuse)?;
		return Ok(Some((path, croissant)));
	}
	Ok(None)
}

fn parse(value: &Value) -> Result<Croissant, String> {
	let mut files = Vec::new();
	for object in list(&value["distribution"]) {
		let is_repository = object["encodingFormat"].as_str().is_some_and(|format| format.starts_with("git"));
		if let (Some(url), false) = (object["contentUrl"].as_str(), is_repository) {
			let checksum = object["sha256"].as_str().map(str::to_ascii_lowercase);
			files.push((local_name(url)?, checksum));
		}
	}
	Ok(Croissant { licence: licence(&value["license"]), files, text_field: text_field(value) })
}

/// One value or a list of them, as JSON-LD allows.
fn list(value: &Value) -> &[Value] {
	match value {
		Value::Array(values) => values,
		Value::Null => &[],
		value => std::slice::from_ref(value),
	}
}

fn licence(value: &Value) -> Option<String> {
	let names: Vec<&str> = list(value)
		.iter()
		.filter_map(|licence| {
			licence.as_str().or_else(|| licence["url"].as_str()).or_else(|| licence["name"].as_str())
		})
		.collect();
	(!names.is_empty()).then(|| names.join(" AND "))
}

/// The name below the folder of a file that lies there: a relative path, or the last part of an address.
fn local_name(url: &str) -> Result<String, String> {
	if let Some((_, rest)) = url.split_once("://") {
		let name = rest.split(['?', '#']).next().and_then(|rest| rest.rsplit('/').next()).unwrap_or_default();
		return match name.is_empty() || name == ".." {
			true => Err(format!("{url} names no file")),
			false => Ok(name.into()),
		};
	}
	let is_below =
		Path::new(url).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
	match is_below && !url.is_empty() {
		true => Ok(url.into()),
		false => Err(format!("{url:?} is outside of the dataset's folder; name files below it")),
	}
}

/// The column that a field called `text` is extracted from, or that of the only text field.
fn text_field(value: &Value) -> Option<String> {
	let fields: Vec<&Value> = list(&value["recordSet"]).iter().flat_map(|set| list(&set["field"])).collect();
	let is_text = |field: &&&Value| {
		let types = list(&field["dataType"]);
		types
			.iter()
			.any(|kind| kind.as_str().is_some_and(|kind| kind.ends_with(":Text") || kind.ends_with("/Text")))
	};
	let last_name =
		|field: &Value| field["name"].as_str().and_then(|name| name.rsplit('/').next()).map(str::to_string);
	let named = fields.iter().find(|field| last_name(field).as_deref() == Some("text"));
	let texts: Vec<&&Value> = fields.iter().filter(is_text).collect();
	let field = named.or_else(|| (texts.len() == 1).then(|| texts.first().copied()).flatten())?;
	field["source"]["extract"]["column"].as_str().map(str::to_string).or_else(|| last_name(field))
}

/// SHA-256 of a file, against the one that its description states.
pub(super) fn verify(path: &Path, want: &str) -> Result<(), Error> {
	let have = sha256(path)?;
	match have == want {
		true => Ok(()),
		false => Err(Error::Checksum { path: path.into(), have, want: want.into() }),
	}
}

fn sha256(path: &Path) -> Result<String, Error> {
	let mut file = File::open(path).map_err(Error::io(path))?;
	let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
	loop {
		let read = file.read(&mut buffer).map_err(Error::io(path))?;
		if read == 0 {
			return Ok(hexadecimal(&hasher.finalize()));
		}
		hasher.update(buffer.get(..read).unwrap_or_default());
	}
}

/// One file of a dataset that is described.
pub struct DescribedFile {
	/// Its name below the folder.
	pub name: String,
	/// Its length in bytes.
	pub bytes: u64,
	/// Its SHA-256 in hexadecimal.
	pub sha256: String,
}

/// SHA-256 of bytes in hexadecimal, as [`DescribedFile`] has it.
pub fn sha256_of(bytes: &[u8]) -> String {
	hexadecimal(&Sha256::digest(bytes))
}

/// The description of a dataset of JSON lines. `name` is the dataset's root, since a title could name its maker.
pub fn write(name: &str, licence: &str, files: &[DescribedFile]) -> String {
	// Keys in the order of the alphabet, whatever the map of this build keeps.
	let distribution: Vec<Value> = files
		.iter()
		.map(|file| {
			json!({
				"@id": file.name,
				"@type": "cr:FileObject",
				"contentSize": format!("{} B", file.bytes),
				"contentUrl": file.name,
				"encodingFormat": "application/jsonlines",
				"name": file.name,
				"sha256": file.sha256,
			})
		})
		.collect();
	let set = json!({
		"@id": "blobs",
		"@type": "cr:FileSet",
		"encodingFormat": "application/jsonlines",
		"includes": "blobs/*.jsonl",
		"name": "blobs",
	});
	let fields: Vec<Value> = ["text", "origin", "family", "license", "language", "hash"]
		.iter()
		.map(|column| {
			json!({
				"@id": format!("documents/{column}"),
				"@type": "cr:Field",
				"dataType": "sc:Text",
				"name": column,
				"source": { "extract": { "column": column }, "fileSet": { "@id": "blobs" } },
			})
		})
		.collect();
	let description = json!({
		"@context": {
			"@vocab": "https://schema.org/",
			"conformsTo": "dct:conformsTo",
			"cr": "http://mlcommons.org/croissant/",
			"dct": "http://purl.org/dc/terms/",
			"sc": "https://schema.org/",
		},
		"@type": "sc:Dataset",
		"conformsTo": "http://mlcommons.org/croissant/1.0",
		"description": "Documents with licence and origin. The manifest beside this file has the roots and the counts.",
		"distribution": distribution.into_iter().chain([set]).collect::<Vec<_>>(),
		"license": licence,
		"name": name,
		"recordSet": [{ "@id": "documents", "@type": "cr:RecordSet", "field": fields, "name": "documents" }],
	});
	format!("{description:#}\n")
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_description_that_is_written_is_read_again() {
		let file = DescribedFile { name: "blobs/00000.jsonl".into(), bytes: 3, sha256: sha256_of(b"abc") };
		let text = write("root", "MIT", &[file]);
		let read = parse(&serde_json::from_str(&text).unwrap()).unwrap();
		assert_eq!(read.licence.as_deref(), Some("MIT"));
		assert_eq!(read.files, [("blobs/00000.jsonl".to_string(), Some(sha256_of(b"abc")))]);
		assert_eq!(read.text_field.as_deref(), Some("text"));
	}

	#[test]
	fn licences_and_columns_are_read_as_other_tools_write_them() {
		let value = json!({
			"license": ["https://creativecommons.org/licenses/by/4.0/"],
			"distribution": [
				{ "@type": "cr:FileObject", "contentUrl": "https://example.org/repo", "encodingFormat": "git+https" },
				{ "@type": "cr:FileObject", "contentUrl": "https://example.org/a/b.csv?download=1" },
			],
			"recordSet": { "field": { "name": "review", "dataType": "sc:Text", "source": { "extract": { "column": "body" } } } },
		});
		let read = parse(&value).unwrap();
		assert_eq!(read.licence.as_deref(), Some("https://creativecommons.org/licenses/by/4.0/"));
		assert_eq!(read.files, [("b.csv".to_string(), None)]);
		assert_eq!(read.text_field.as_deref(), Some("body"));
	}

	#[test]
	fn files_outside_of_the_folder_are_refused() {
		for url in ["../a.csv", "/etc/passwd", "a/../../b", ""] {
			assert!(local_name(url).is_err(), "{url}");
		}
		assert_eq!(local_name("data/a.csv").unwrap(), "data/a.csv");
	}

	#[test]
	fn a_file_with_another_checksum_is_refused() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("a");
		fs::write(&path, "abc").unwrap();
		assert!(verify(&path, &sha256_of(b"abc")).is_ok());
		assert!(matches!(verify(&path, &sha256_of(b"abx")), Err(Error::Checksum { .. })));
	}
}
