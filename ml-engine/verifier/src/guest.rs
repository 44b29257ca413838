//! The functions that a host calls. One model and one check at a time; a host that wants another model starts another instance.
//!
//! ```text
//! input(len) -> pointer       room for the next argument, which the host fills
//! open() -> status            the argument is the record of an architecture
//! parts() -> count, part_bytes(part) -> bytes
//! put(part) -> status         the argument is the part's file; the output is its root
//! seal() -> status            puts the model together; the output is its root
//! begin() -> status           the argument is a record; the output is the root of its tokens
//! step() -> status            computes a position; the output of a difference is where it is
//! position() -> positions that have been computed, positions() -> all
//! output() -> pointer, output_len() -> bytes
//! ```
//!
//! Statuses: 0 done or more to do, 1 refused with a message as output, 2 equal, 3 equal without its end, 4 different.

use crate::{check::Check, files::ModelFiles, guest_record, Step};
use alloc::{borrow::ToOwned, boxed::Box, format, string::ToString, vec::Vec};
use blyan_exact::definition2::Model;
use core::fmt::Display;
use dlmalloc::GlobalDlmalloc;
use spin::Mutex;

#[global_allocator]
static ALLOCATOR: GlobalDlmalloc = GlobalDlmalloc;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
	core::arch::wasm32::unreachable()
}

const DONE: u32 = 0;
const REFUSED: u32 = 1;
const EQUAL: u32 = 2;
const EQUAL_BUT_END: u32 = 3;
const DIFFERENT: u32 = 4;

/// Everything that is between two calls.
struct State {
	input: Vec<u8>,
	output: Vec<u8>,
	files: Option<ModelFiles>,
	/// Lives as long as the instance, so that a check can borrow it.
	model: Option<&'static Model<'static>>,
	check: Option<Check<'static, 'static>>,
}

static STATE: Mutex<State> =
	Mutex::new(State { input: Vec::new(), output: Vec::new(), files: None, model: None, check: None });

/// Does something with the argument; its output or its message is left for the host.
fn answer<E: Display>(act: impl FnOnce(&mut State, Vec<u8>) -> Result<(u32, Vec<u8>), E>) -> u32 {
	let mut state = STATE.lock();
	let input = core::mem::take(&mut state.input);
	let (status, output) = match act(&mut state, input) {
		Ok(done) => done,
		Err(error) => (REFUSED, error.to_string().into_bytes()),
	};
	state.output = output;
	status
}

#[no_mangle]
extern "C" fn input(len: u32) -> u32 {
	let mut state = STATE.lock();
	state.input = Vec::new();
	state.input.resize(len as usize, 0);
	state.input.as_mut_ptr() as u32
}

#[no_mangle]
extern "C" fn output() -> u32 {
	STATE.lock().output.as_ptr() as u32
}

#[no_mangle]
extern "C" fn output_len() -> u32 {
	STATE.lock().output.len() as u32
}

#[no_mangle]
extern "C" fn open() -> u32 {
	answer(|state, record| match state.model {
		Some(_) => Err("a model is loaded: start another instance for another one".to_owned()),
		None => {
			state.files = Some(ModelFiles::new(&record).map_err(|error| error.to_string())?);
			Ok((DONE, Vec::new()))
		}
	})
}

#[no_mangle]
extern "C" fn parts() -> u32 {
	STATE.lock().files.as_ref().map_or(0, |files| files.parts() as u32)
}

/// Bytes of a part's file; 0 if there is no such part, and the largest number if no instance has room for it.
#[no_mangle]
extern "C" fn part_bytes(part: u32) -> u32 {
	let state = STATE.lock();
	let bytes = state.files.as_ref().and_then(|files| files.part_bytes(part as usize));
	bytes.map_or(0, |bytes| u32::try_from(bytes).unwrap_or(u32::MAX))
}

#[no_mangle]
extern "C" fn put(part: u32) -> u32 {
	answer(|state, file| {
		let files = state.files.as_mut().ok_or("open a model first")?;
		let root = files.put(part as usize, file).map_err(|error| error.to_string())?;
		Ok::<_, alloc::string::String>((DONE, root.to_vec()))
	})
}

#[no_mangle]
extern "C" fn seal() -> u32 {
	answer(|state, _| {
		let files = state.files.take().ok_or("open a model first")?;
		let root = match files.model_root() {
			Ok(root) => root,
			Err(error) => {
				// What is missing can still come.
				let message = error.to_string();
				state.files = Some(files);
				return Err(message);
			}
		};
		let files: &'static ModelFiles = Box::leak(Box::new(files));
		let loaded = Box::leak(Box::new(files.load().map_err(|error| error.to_string())?));
		let model = loaded.model().map_err(|error| error.to_string())?;
		state.model = Some(Box::leak(Box::new(model)));
		Ok((DONE, root.to_vec()))
	})
}

#[no_mangle]
extern "C" fn begin() -> u32 {
	answer(|state, bytes| {
		let model = state.model.ok_or("load a model first")?;
		let record = guest_record::read(&bytes).ok_or("the record is malformed")?;
		let root = record.tokens_root();
		state.check = Some(Check::new(model, record).map_err(|error| error.to_string())?);
		Ok::<_, alloc::string::String>((DONE, root.to_vec()))
	})
}

#[no_mangle]
extern "C" fn step() -> u32 {
	answer(|state, _| {
		let check = state.check.as_mut().ok_or("begin a check first")?;
		let step = check.step().map_err(|error| format!("{error}"))?;
		Ok::<_, alloc::string::String>(match step {
			Step::More => (DONE, Vec::new()),
			Step::Equal { is_end_checked: true } => (EQUAL, Vec::new()),
			Step::Equal { is_end_checked: false } => (EQUAL_BUT_END, Vec::new()),
			Step::Differs(difference) => (DIFFERENT, guest_record::write(&difference)),
		})
	})
}

#[no_mangle]
extern "C" fn position() -> u32 {
	STATE.lock().check.as_ref().map_or(0, |check| check.progress().0 as u32)
}

#[no_mangle]
extern "C" fn positions() -> u32 {
	STATE.lock().check.as_ref().map_or(0, |check| check.progress().1 as u32)
}
