//! Refusals: what is wrong, the value, and what to do.

use std::{io, path::Path, path::PathBuf};

/// Why a checkpoint is refused.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
	/// The system refuses a file.
	#[error("cannot read {}: {error}; check the path and its permissions", path.display())]
	Io {
		/// Path of the file.
		path: PathBuf,
		/// Reason of the system.
		error: io::Error,
	},
	/// A path that names neither kind of checkpoint.
	#[error(
		"{} is neither a GGUF file nor a directory with a config.json; give the path of one of them",
		path.display()
	)]
	NotACheckpoint {
		/// The path.
		path: PathBuf,
	},
	/// A text file that is too large to be one.
	#[error("{} is larger than {limit} bytes, which no such file is; fetch the checkpoint again", path.display())]
	FileTooLarge {
		/// Path of the file.
		path: PathBuf,
		/// Largest length that is read.
		limit: u64,
	},
	/// The magic bytes are others.
	#[error("the file begins with {found:02x?} and not with \"GGUF\": it is not a GGUF file; convert the model to GGUF or give a directory of safetensors")]
	NotGguf {
		/// The first bytes, at most four.
		found: Vec<u8>,
	},
	/// A version of GGUF that is not read.
	#[error("version {found} of GGUF is not supported, only 2 and 3, little-endian; convert the model again with a current converter")]
	Version {
		/// The version in the file.
		found: u32,
	},
	/// The model continues in other files.
	#[error("the model is split into {count} GGUF files; merge them first (llama-gguf-split --merge)")]
	Split {
		/// Number of files.
		count: u64,
	},
	/// Something reaches past the end of the file.
	#[error("{what} needs {needed} bytes at {at}, the file ends at {len}: it is truncated or malformed; fetch it again")]
	PastTheEnd {
		/// Part of the file.
		what: String,
		/// Where the part starts.
		at: u64,
		/// Length of the part by its own account.
		needed: u64,
		/// Length of the file.
		len: u64,
	},
	/// More of something than the rest of the file can hold.
	#[error("the file claims {count} {what}, its remaining {remaining} bytes hold fewer: it is truncated or malformed; fetch it again")]
	Count {
		/// Counted things.
		what: &'static str,
		/// Number of them by the file's account.
		count: u64,
		/// Bytes that are left.
		remaining: u64,
	},
	/// Two entries of one key.
	#[error("the key {key:?} occurs twice, so its value is ambiguous; convert the model again")]
	DuplicateKey {
		/// The key.
		key: String,
	},
	/// Two tensors of one name.
	#[error("two tensors are named {name:?}; convert the model again")]
	DuplicateTensor {
		/// The name.
		name: String,
	},
	/// Two tensors share bytes.
	#[error("the tensors {first:?} and {second:?} overlap in the file; convert the model again")]
	Overlap {
		/// The tensor that starts first.
		first: String,
		/// The other one.
		second: String,
	},
	/// A tensor without elements.
	#[error("a dimension of the tensor {tensor:?} is zero: {shape:?}; convert the model again")]
	ZeroDimension {
		/// Name of the tensor.
		tensor: String,
		/// Its dimensions.
		shape: Vec<u64>,
	},
	/// A number of dimensions that no tensor has.
	#[error("the tensor {tensor:?} has {count} dimensions, 1 to 4 are possible; convert the model again")]
	Dimensions {
		/// Name of the tensor.
		tensor: String,
		/// Its number of dimensions.
		count: u64,
	},
	/// A tensor whose elements are more than can be counted.
	#[error(
		"the size of the tensor {tensor:?}, {shape:?}, overflows; the file is malformed, fetch it again"
	)]
	Overflow {
		/// Name of the tensor.
		tensor: String,
		/// Its dimensions.
		shape: Vec<u64>,
	},
	/// A tensor that starts elsewhere than its alignment allows.
	#[error("the tensor {tensor:?} starts at {offset}, which is not a multiple of the alignment {alignment}; convert the model again")]
	Misaligned {
		/// Name of the tensor.
		tensor: String,
		/// Its offset in the data.
		offset: u64,
		/// The file's alignment.
		alignment: u64,
	},
	/// An alignment that is not one.
	#[error("general.alignment is {alignment}, it must be a power of two from 8 to 1048576; convert the model again")]
	Alignment {
		/// The value.
		alignment: u64,
	},
	/// A type of elements that is not read.
	#[error("the tensor {tensor:?} has the type {kind}, which is not supported; supported are {supported}; quantise the model to one of these")]
	UnknownType {
		/// Name of the tensor.
		tensor: String,
		/// Its type.
		kind: String,
		/// Types that are read.
		supported: &'static str,
	},
	/// A type of value that GGUF does not define.
	#[error("the key {key:?} has a value of the unknown type {kind}; convert the model again")]
	UnknownValueType {
		/// The key.
		key: String,
		/// Number of the type.
		kind: u32,
	},
	/// An array of arrays.
	#[error("the key {key:?} holds an array of arrays, which no known key does; convert the model again")]
	NestedArray {
		/// The key.
		key: String,
	},
	/// Text in another encoding.
	#[error("{what} is not UTF-8; convert the model again")]
	NotUtf8 {
		/// The text.
		what: String,
	},
	/// A family of models that is not read.
	#[error("the architecture {name:?} is not supported; supported are {supported}")]
	UnknownArchitecture {
		/// Name in the file.
		name: String,
		/// Names that are read.
		supported: String,
	},
	/// A part of the configuration that is missing.
	#[error("the key {key:?} is missing; convert or fetch the model again")]
	MissingKey {
		/// The key.
		key: String,
	},
	/// A value of another type or outside of its range.
	#[error("the key {key:?} is {value}; expected is {expected}")]
	BadValue {
		/// The key.
		key: String,
		/// Its value.
		value: String,
		/// Values that are possible.
		expected: String,
	},
	/// A property of the model that the description cannot express.
	#[error("{feature} is {value}, which is not supported: the model would compute something else; use a model without it")]
	Unsupported {
		/// The property, usually the key.
		feature: String,
		/// Its value.
		value: String,
	},
	/// No tokenizer.
	#[error(
		"the checkpoint has no tokenizer: {missing} is missing; add it, or convert the model again with it"
	)]
	MissingTokenizer {
		/// Key or file.
		missing: String,
	},
	/// A tensor that the architecture needs.
	#[error("the tensor {name:?} is missing; the checkpoint is incomplete, fetch it again")]
	MissingTensor {
		/// Its name.
		name: String,
	},
	/// A tensor that the architecture does not have.
	#[error("the tensor {name:?} is not a part of the architecture {family}: the model would compute something else without it; use another checkpoint")]
	UnexpectedTensor {
		/// Its name.
		name: String,
		/// Family of the model.
		family: String,
	},
	/// A shape other than the configuration's.
	#[error("the tensor {tensor:?} has the shape {found:?}, by the configuration it is {expected:?} (rows, columns); fetch or convert the model again")]
	Shape {
		/// Name of the tensor.
		tensor: String,
		/// Its shape.
		found: Vec<u64>,
		/// Shape by the configuration.
		expected: Vec<u64>,
	},
	/// Rows that end within a group of quantised weights.
	#[error("the tensor {tensor:?} has rows of {columns} elements, its type has groups of {group}; quantise the model to another type")]
	PartialGroup {
		/// Name of the tensor.
		tensor: String,
		/// Elements of a row.
		columns: u64,
		/// Elements of a group.
		group: u64,
	},
	/// JSON that cannot be read.
	#[error("{file} is malformed: {error}; fetch it again")]
	Json {
		/// Name of the file.
		file: String,
		/// Reason of the parser.
		error: serde_json::Error,
	},
	/// A file name that leads out of the directory.
	#[error(
		"the index names the file {name:?}, which is not in the directory of the checkpoint; fetch it again"
	)]
	FileName {
		/// The name.
		name: String,
	},
	/// A token that the vocabulary does not have.
	#[error(
		"the token {token} is outside of the vocabulary of {vocabulary}; use this model's own tokenizer"
	)]
	Token {
		/// The token.
		token: u64,
		/// Size of the vocabulary.
		vocabulary: u64,
	},
	/// A sequence longer than the context.
	#[error("{tokens} tokens exceed the context of {context}; shorten the text")]
	Context {
		/// Length of the sequence.
		tokens: usize,
		/// Longest sequence of the model.
		context: usize,
	},
}

impl CheckpointError {
	/// An error of the system about a path.
	pub(crate) fn io(path: &Path, error: io::Error) -> Self {
		Self::Io { path: path.to_owned(), error }
	}

	/// A value outside of its range.
	pub(crate) fn bad_value(
		key: impl Into<String>,
		value: impl ToString,
		expected: impl Into<String>,
	) -> Self {
		Self::BadValue { key: key.into(), value: value.to_string(), expected: expected.into() }
	}

	/// A property that the description cannot express.
	pub(crate) fn unsupported(feature: impl Into<String>, value: impl ToString) -> Self {
		Self::Unsupported { feature: feature.into(), value: value.to_string() }
	}
}
