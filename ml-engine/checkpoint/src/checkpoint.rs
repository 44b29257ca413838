//! An open checkpoint: its description, and its tensors by role.

use crate::{
	architecture::{Architecture, PairOrder},
	description::{self, ModelCard},
	encoding::Encoding,
	error::CheckpointError,
	gguf::{self, Gguf},
	role::{Role, RoleShape},
	safetensors::{self, BitNetLinear, Directory},
	tokenizer::Tokenizer,
	weight::Weight,
};
use std::{
	collections::BTreeSet,
	path::{Path, PathBuf},
};

/// Format of a checkpoint, and its content.
#[derive(Debug)]
enum Source {
	Gguf { path: PathBuf, file: Gguf },
	Directory { directory: Directory, linear: BitNetLinear },
}

/// A checkpoint that has been checked against its own description: every tensor that the architecture needs is there
/// with its shape, and no other one.
#[derive(Debug)]
pub struct Checkpoint {
	source: Source,
	architecture: Architecture,
	chat_template: Option<String>,
}

impl Checkpoint {
	/// Opens a GGUF file, or a directory with `config.json` and safetensors.
	pub fn open(path: &Path) -> Result<Self, CheckpointError> {
		if path.is_dir() {
			return Self::of_directory(Directory::open(path)?);
		}
		Self::of_gguf(Gguf::open(path)?, path)
	}

	/// Takes a directory of safetensors.
	pub fn of_directory(directory: Directory) -> Result<Self, CheckpointError> {
		let (architecture, linear) = safetensors::architecture(&directory)?;
		let chat_template = description::chat_template(&directory)?;
		Self::checked(Source::Directory { directory, linear }, architecture, chat_template)
	}

	/// Takes a GGUF file. `path` names it in the [`ModelCard`].
	pub fn of_gguf(file: Gguf, path: &Path) -> Result<Self, CheckpointError> {
		let architecture = gguf::architecture(&file)?;
		let chat_template = file.text("tokenizer.chat_template")?.map(str::to_owned);
		Self::checked(Source::Gguf { path: path.to_owned(), file }, architecture, chat_template)
	}

	fn checked(
		source: Source,
		architecture: Architecture,
		chat_template: Option<String>,
	) -> Result<Self, CheckpointError> {
		let checkpoint = Self { source, architecture, chat_template };
		let mut used = BTreeSet::new();
		for role in checkpoint.roles() {
			match &checkpoint.source {
				Source::Gguf { file, .. } => used.insert(checkpoint.check_gguf(file, role)?),
				Source::Directory { directory, linear } => {
					let (name, scale) = checkpoint.check_directory(directory, *linear, role)?;
					used.extend(scale);
					// Codes of ternary tensors have been read to the end.
					directory.release(&name);
					used.insert(name)
				}
			};
		}
		checkpoint.ensure_all_used(&used)?;
		Ok(checkpoint)
	}

	/// Description of the model.
	pub fn architecture(&self) -> &Architecture {
		&self.architecture
	}

	/// Every role that has a tensor of its own, in the order in which a token meets them.
	pub fn roles(&self) -> impl Iterator<Item = Role> + '_ {
		Role::all(&self.architecture)
	}

	/// Template that turns a conversation into text.
	pub fn chat_template(&self) -> Option<&str> {
		self.chat_template.as_deref()
	}

	/// Facts about the tokenizer. Refuses a checkpoint without one.
	pub fn tokenizer(&self) -> Result<Tokenizer, CheckpointError> {
		match &self.source {
			Source::Gguf { file, .. } => Ok(Tokenizer::Gguf(gguf::tokenizer(file)?)),
			Source::Directory { directory, .. } => {
				let (tokenizer, config) = directory.tokenizer()?;
				Ok(Tokenizer::Files { tokenizer, config })
			}
		}
	}

	/// Facts about the model for those who use it. Hashes the files, so it reads all of them.
	pub fn describe(&self) -> Result<ModelCard, CheckpointError> {
		let common = description::Common {
			architecture: self.architecture.clone(),
			parameters: self.parameters(),
			chat_template: self.chat_template.clone(),
			tokenizer: self.tokenizer()?.kind(),
		};
		match &self.source {
			Source::Gguf { path, file } => description::of_gguf(common, path, file),
			Source::Directory { directory, .. } => description::of_directory(common, directory),
		}
	}

	/// Number of weights.
	pub fn parameters(&self) -> u64 {
		let sizes = self.roles().map(|role| match role.shape(&self.architecture) {
			RoleShape::Vector(columns) => columns as u64,
			RoleShape::Matrix(rows, columns) => rows as u64 * columns as u64,
		});
		sizes.sum()
	}

	/// Reports whether the architecture has a role. A tied model has [`Role::Head`].
	pub fn has(&self, role: Role) -> bool {
		role.is_in(&self.architecture)
	}

	/// The tensor of a role. Copies nothing, except that the scale of BitNet's master weights is computed here.
	pub fn weight(&self, role: Role) -> Result<Weight<'_>, CheckpointError> {
		let role = self.holder(role);
		let weight = match &self.source {
			Source::Gguf { file, .. } => {
				let found = gguf::locate(file, role, self.architecture.family.is_routed());
				file.matrix(&found.name, found.index)
					.ok_or(CheckpointError::MissingTensor { name: found.name })?
			}
			Source::Directory { directory, linear } => self.stored(directory, *linear, role)?,
		};
		let split = self.architecture.rope.stored_pairs == PairOrder::HalfSplit;
		Ok(if role.is_rotated() && split { weight.interleaved(self.architecture.head_size) } else { weight })
	}

	/// Gives the memory of a role's tensor back to the system, which reads the file again when the tensor is read again.
	///
	/// Files are mapped, so what was read of them counts as memory of the process. A consumer that takes one tensor after
	/// the other stays small by releasing each behind it, whatever the size of the checkpoint.
	pub fn release(&self, role: Role) {
		let role = self.holder(role);
		match &self.source {
			Source::Gguf { file, .. } => {
				let found = gguf::locate(file, role, self.architecture.family.is_routed());
				file.release(&found.name, found.index);
			}
			Source::Directory { directory, .. } => {
				directory.release(&safetensors::name(role, self.architecture.family));
			}
		}
	}

	/// Role whose tensor a role has: the embedding is the head of a tied model.
	fn holder(&self, role: Role) -> Role {
		if role == Role::Head && self.architecture.tied_embedding {
			Role::Embedding
		} else {
			role
		}
	}

	fn stored<'a>(
		&self,
		directory: &'a Directory,
		linear: BitNetLinear,
		role: Role,
	) -> Result<Weight<'a>, CheckpointError> {
		let name = safetensors::name(role, self.architecture.family);
		let missing = |name: &str| CheckpointError::MissingTensor { name: name.to_owned() };
		let weight = directory.matrix(&name).ok_or_else(|| missing(&name))?;
		if !role.is_linear() {
			return Ok(weight);
		}
		let scale = || {
			let scale_name = safetensors::scale_name(&name);
			let scale = directory.matrix(&scale_name).ok_or_else(|| missing(&scale_name))?;
			Ok(scale.to_vec()[0])
		};
		Ok(match linear {
			BitNetLinear::Plain => weight,
			BitNetLinear::Master => weight.rounded_to_ternary(),
			BitNetLinear::Multiplied => weight.with_ternary_scale(scale()?),
			BitNetLinear::Divided => weight.with_ternary_scale(1.0 / scale()?),
		})
	}

	/// Checks the tensor of a role in a GGUF file. Returns its name.
	fn check_gguf(&self, file: &Gguf, role: Role) -> Result<String, CheckpointError> {
		let found = gguf::locate(file, role, self.architecture.family.is_routed());
		let Some(info) = file.tensor(&found.name) else {
			return Err(CheckpointError::MissingTensor { name: found.name });
		};
		let mut expected = role.shape(&self.architecture).dimensions();
		if let (true, Some((_, count))) = (found.stacked, self.architecture.experts()) {
			expected.insert(0, count as u64);
		}
		let mut shape = info.dimensions.clone();
		shape.reverse();
		ensure_shape(&found.name, &shape, &expected)?;
		Ok(found.name)
	}

	/// Checks the tensor of a role in a directory. Returns its name and that of its scale.
	fn check_directory(
		&self,
		directory: &Directory,
		linear: BitNetLinear,
		role: Role,
	) -> Result<(String, Option<String>), CheckpointError> {
		let name = safetensors::name(role, self.architecture.family);
		let (Some(shape), Some(encoding)) = (directory.shape(&name), directory.encoding(&name)) else {
			return Err(CheckpointError::MissingTensor { name });
		};
		let mut expected = role.shape(&self.architecture).dimensions();
		let packed = role.is_linear() && matches!(linear, BitNetLinear::Multiplied | BitNetLinear::Divided);
		if packed != (encoding == Encoding::Ternary) {
			let kind = format!("{encoding:?}");
			return Err(CheckpointError::UnknownType {
				tensor: name,
				kind,
				supported: safetensors::SUPPORTED,
			});
		}
		if !packed {
			ensure_shape(&name, shape, &expected)?;
			return Ok((name, None));
		}
		if !expected[0].is_multiple_of(4) {
			return Err(CheckpointError::PartialGroup { tensor: name, columns: expected[0], group: 4 });
		}
		expected[0] /= 4;
		ensure_shape(&name, shape, &expected)?;
		let scale_name = safetensors::scale_name(&name);
		ensure_shape(&scale_name, directory.shape(&scale_name).unwrap_or_default(), &[1])?;
		let weight = self.stored(directory, linear, role)?;
		match weight.ternary_scale() {
			Some(scale) if scale.is_finite() && scale > 0.0 => {}
			scale => {
				return Err(CheckpointError::bad_value(scale_name, format!("{scale:?}"), "a positive number"))
			}
		}
		if !weight.is_ternary() {
			return Err(CheckpointError::bad_value(name, "a packed code of 3", "codes 0, 1 and 2"));
		}
		Ok((name, Some(scale_name)))
	}

	fn ensure_all_used(&self, used: &BTreeSet<String>) -> Result<(), CheckpointError> {
		let tied = self.architecture.tied_embedding;
		let other = match &self.source {
			Source::Gguf { file, .. } => {
				let mut names = file.tensors().map(|(name, _)| name);
				names.find(|name| !used.contains(*name) && !gguf::PASSIVE.contains(name))
			}
			Source::Directory { directory, .. } => {
				directory.tensors().find(|name| !used.contains(*name) && !safetensors::is_passive(name, tied))
			}
		};
		match other {
			Some(name) => Err(CheckpointError::UnexpectedTensor {
				name: name.to_owned(),
				family: self.architecture.family.name(),
			}),
			None => Ok(()),
		}
	}
}

/// Compares shapes, rows first. Dimensions of one element in front do not count.
fn ensure_shape(tensor: &str, found: &[u64], expected: &[u64]) -> Result<(), CheckpointError> {
	let significant = |shape: &[u64]| -> Vec<u64> { shape.iter().copied().skip_while(|d| *d == 1).collect() };
	if found.is_empty() {
		return Err(CheckpointError::MissingTensor { name: tensor.to_owned() });
	}
	if significant(found) != significant(expected) {
		return Err(CheckpointError::Shape {
			tensor: tensor.to_owned(),
			found: found.to_vec(),
			expected: expected.to_vec(),
		});
	}
	Ok(())
}
