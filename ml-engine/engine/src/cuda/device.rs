//! GPU that has passed its checks, as a device of the evaluator.

use super::{
	check,
	driver::{without_panics, DeviceInfo, Driver},
	forward::Workspace,
	weights::{DeviceModel, Loaded},
	DeviceError,
};
use crate::{
	eval::{Candidate, Checkpoint, LossDevice},
	model::Model,
};
use blyan_exact::ModelConfig;
use blyan_primitives::EngineError;
use parking_lot::Mutex;
use std::{
	fmt,
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc,
	},
};

/// Tokens of a group: enough to fill a large GPU, and few enough to pause between two groups.
const GROUP_TOKENS: usize = 32 * 1_024;
/// Random rows of each operator that a GPU has to get right before it is used.
const ROWS_AT_START: usize = 512;

/// GPU whose results equal the definition's.
pub struct Device {
	driver: Driver,
	state: Mutex<State>,
	/// True once a call has failed; the GPU is not used from then on.
	is_lost: AtomicBool,
}

#[derive(Default)]
struct State {
	loaded: Loaded,
	workspace: Option<(ModelConfig, usize, Workspace)>,
}

impl fmt::Debug for Device {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_tuple("Device").field(self.driver.info()).finish()
	}
}

impl Device {
	/// Opens the first GPU and checks it against the definition: a few hundred random rows of every operator, and a model.
	///
	/// Never panics. The reason of a failure is one line.
	pub fn find() -> Result<Arc<Self>, DeviceError> {
		without_panics(|| {
			let device = Self::open()?;
			for verdict in check::operators(&device, ROWS_AT_START, 1) {
				let verdict = verdict?;
				if let Some(difference) = verdict.difference {
					log::error!("{}, {}: {difference}", device.info().name, verdict.name);
					return Err(DeviceError::Wrong(verdict.name));
				}
			}
			if check::golden_model(&device)?.difference.is_some() {
				return Err(DeviceError::Wrong("golden model"));
			}
			Ok(Arc::new(device))
		})
	}

	/// Opens the first GPU unchecked, for the checks themselves.
	pub fn open() -> Result<Self, DeviceError> {
		let driver = without_panics(Driver::open)?;
		Ok(Self { driver, state: Mutex::default(), is_lost: AtomicBool::new(false) })
	}

	/// Returns its name and capabilities.
	pub fn info(&self) -> &DeviceInfo {
		self.driver.info()
	}

	pub(super) fn driver(&self) -> &Driver {
		&self.driver
	}

	/// Runs `work` over groups of sequences until all are done or the GPU fails.
	fn in_groups<T>(
		&self,
		models: &[&Model],
		sequences: &[&[u8]],
		checkpoint: Checkpoint<'_>,
		work: impl Fn(&Driver, &[DeviceModel], &mut Workspace, &[&[u8]]) -> Result<Vec<T>, DeviceError>,
	) -> Result<Vec<T>, EngineError> {
		let mut done = Vec::with_capacity(sequences.len());
		let (Some(model), Some(first)) = (models.first(), sequences.first()) else { return Ok(done) };
		if self.is_lost.load(Ordering::Relaxed) {
			return Ok(done);
		}
		checkpoint(0)?;
		let mut state = self.state.lock();
		let prepared =
			without_panics(|| self.prepare(&mut state, models, model.config(), first.len(), sequences.len()));
		let (models, group) = match prepared {
			Ok(prepared) => prepared,
			// The GPU itself has not failed.
			Err(DeviceError::Model(_)) => return Ok(done),
			Err(error) => return Ok(self.lose(&error, done)),
		};
		for group in sequences.chunks(group) {
			checkpoint(0)?;
			let Some((_, _, workspace)) = &mut state.workspace else { break };
			match without_panics(|| work(&self.driver, &models, workspace, group)) {
				Ok(results) => done.extend(results),
				Err(error) => {
					state.workspace = None;
					return Ok(self.lose(&error, done));
				}
			}
			checkpoint(group.len() as u32)?;
		}
		Ok(done)
	}

	/// Puts the models on the GPU and takes room for a group; returns how many sequences that has.
	fn prepare(
		&self,
		state: &mut State,
		models: &[&Model],
		config: &ModelConfig,
		len: usize,
		count: usize,
	) -> Result<(Vec<DeviceModel>, usize), DeviceError> {
		let State { loaded, workspace } = state;
		let free = self.driver.free_bytes()?;
		let models = models
			.iter()
			.map(|model| loaded.model(&self.driver, model, free / 2))
			.collect::<Result<_, _>>()?;
		let room = workspace.as_ref().filter(|(of, ..)| of == config).map_or(0, |(_, tokens, _)| *tokens);
		let fitting = free / 4 / Workspace::bytes_per_token(config);
		let group = (GROUP_TOKENS.min(fitting) / len).clamp(1, count);
		if room < group * len {
			// The old one goes first.
			*workspace = None;
			*workspace = Some((*config, group * len, Workspace::new(&self.driver, config, group * len)?));
		}
		Ok((models, group))
	}

	/// Marks the GPU as lost; the first time, logs why.
	fn lose<T>(&self, error: &DeviceError, done: Vec<T>) -> Vec<T> {
		if !self.is_lost.swap(true, Ordering::Relaxed) {
			log::error!("evaluating on the processor from now on: {error}");
		}
		done
	}
}

/// Both return the losses of the first sequences only, if the GPU fails; the processor computes the rest.
impl LossDevice for Device {
	fn losses(
		&self,
		model: &Model,
		sequences: &[&[u8]],
		checkpoint: Checkpoint<'_>,
	) -> Result<Vec<u64>, EngineError> {
		self.in_groups(&[model], sequences, checkpoint, |driver, models, workspace, group| {
			let tokens = workspace.start(driver, &models[0], group)?;
			workspace.layers(driver, &models[0], tokens, 0..models[0].trunk.layers.len())?;
			workspace.losses(driver, &models[0], tokens)
		})
	}

	fn paired_losses(
		&self,
		model: &Model,
		changed: &Model,
		candidate: &Candidate,
		sequences: &[&[u8]],
		checkpoint: Checkpoint<'_>,
	) -> Result<Vec<(u64, u64)>, EngineError> {
		let at = usize::from(candidate.slot.layer);
		self.in_groups(&[model, changed], sequences, checkpoint, |driver, models, workspace, group| {
			let layers = models[0].trunk.layers.len();
			let tokens = workspace.start(driver, &models[0], group)?;
			workspace.layers(driver, &models[0], tokens, 0..at)?;
			workspace.keep(driver, &models[0], tokens)?;
			workspace.layers(driver, &models[0], tokens, at..layers)?;
			let baseline = workspace.losses(driver, &models[0], tokens)?;
			workspace.restore(driver, &models[1], tokens)?;
			workspace.layers(driver, &models[1], tokens, at..layers)?;
			let changed = workspace.losses(driver, &models[1], tokens)?;
			Ok(baseline.into_iter().zip(changed).collect())
		})
	}
}
