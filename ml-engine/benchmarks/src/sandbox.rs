//! Sandbox of programs: a WebAssembly module that judges an answer, with limits of fuel, memory and stack, and without imports.
//!
//! ```text
//! alloc(length) -> address         room for the program in the module's memory
//! check(address, length) -> code   0: the tests pass; any other number: they do not
//! memory
//! ```
//!
//! The module is interpreted (wasmi), so that fuel, depth and memory are counted in the module's own terms: a program that runs
//! out of one does so on every machine. Nothing of a program is left when the next one begins. The bits of a NaN are the
//! processor's; a module whose verdicts depend on them is not reproducible.

use crate::suite::Checker;
use blyan_exact::blake2_256;
use serde::{Deserialize, Serialize};
use std::fmt;
use wasmi::{
	core::TrapCode, Config, Engine, Instance, Module, StackLimits, Store, StoreLimits, StoreLimitsBuilder,
};

/// Bytes of a module, at most: an interpreter of Python has a few mebibytes.
pub const MODULE_BYTES_MAX: usize = 64 << 20;
/// Values on the stack, 8 bytes each.
const STACK_VALUES_MAX: usize = 1 << 17;
const STACK_VALUES_FIRST: usize = 1 << 10;
/// Calls inside of calls.
const CALLS_MAX: usize = 4_096;
/// Entries of a module's table of functions.
const TABLE_ENTRIES_MAX: u32 = 1 << 20;
/// Tables of a module. Their entries do not count as memory; compilers make one, or one more for references.
const TABLES_MAX: usize = 4;

/// Limits of one program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
	/// Instructions, in units of wasmi's fuel: about one each.
	pub fuel: u64,
	/// Memory, in bytes.
	pub memory_bytes: usize,
}

impl Limits {
	/// Limits of a checker that evaluates expressions.
	pub const EXPRESSION: Self = Self { fuel: 1_000_000, memory_bytes: 4 << 20 };
	/// Limits of an interpreter.
	pub const INTERPRETER: Self = Self { fuel: 2_000_000_000, memory_bytes: 256 << 20 };
}

/// Verdict on a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
	/// The tests pass.
	Passed,
	/// The module returned another code than 0.
	Rejected(i32),
	/// More instructions than allowed.
	OutOfFuel,
	/// More memory than allowed.
	OutOfMemory,
	/// Calls too deep.
	StackOverflow,
	/// The module stopped: unreachable code, an access outside of its memory, a division by zero.
	Trapped,
}

impl Verdict {
	/// Reports whether the tests pass.
	pub fn is_passed(self) -> bool {
		self == Self::Passed
	}
}

impl fmt::Display for Verdict {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Passed => f.write_str("passed"),
			Self::Rejected(code) => write!(f, "failed: code {code}"),
			Self::OutOfFuel => f.write_str("failed: too many instructions"),
			Self::OutOfMemory => f.write_str("failed: too much memory"),
			Self::StackOverflow => f.write_str("failed: calls too deep"),
			Self::Trapped => f.write_str("failed: trapped"),
		}
	}
}

/// Reason why a module cannot judge anything. It is the module's fault, and no program's.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
	/// The module is too large.
	#[error("the module has {0} bytes: at most {MODULE_BYTES_MAX} are taken")]
	TooLarge(usize),
	/// The module is not WebAssembly, in either form.
	#[error("not a WebAssembly module: {0}")]
	Malformed(String),
	/// The module wants something of its host.
	#[error("the module imports {module}.{name}: build it without WASI and without imports")]
	Import {
		/// Namespace of the import.
		module: String,
		/// Its name.
		name: String,
	},
	/// An export is missing, or of another type.
	#[error("the module has no export {0}: it needs memory, alloc(i32) -> i32 and check(i32, i32) -> i32")]
	Export(&'static str),
	/// The module does not even start within the limits.
	#[error("the module does not start: {0}; raise the limits, or use another module")]
	Start(Verdict),
}

/// Module that judges programs.
pub struct Sandbox {
	engine: Engine,
	module: Module,
	limits: Limits,
	hash: String,
}

impl Sandbox {
	/// Compiles a module, in binary or text form. Refuses one with imports, or without the exports of a checker.
	pub fn new(module: &[u8], limits: Limits) -> Result<Self, SandboxError> {
		if module.len() > MODULE_BYTES_MAX {
			return Err(SandboxError::TooLarge(module.len()));
		}
		let malformed = |error: &dyn fmt::Display| SandboxError::Malformed(error.to_string());
		// The bytes as they were given: the encoding of a text may change with the assembler's release.
		let hash = hex::encode(blake2_256(&[module]));
		let bytes = wat::parse_bytes(module).map_err(|error| malformed(&error))?;
		let stack = StackLimits::new(STACK_VALUES_FIRST, STACK_VALUES_MAX, CALLS_MAX);
		let mut config = Config::default();
		config.consume_fuel(true).set_stack_limits(stack.map_err(|error| malformed(&error))?);
		let engine = Engine::new(&config);
		let module = Module::new(&engine, &bytes).map_err(|error| malformed(&error))?;
		if let Some(import) = module.imports().next() {
			return Err(SandboxError::Import { module: import.module().into(), name: import.name().into() });
		}
		let sandbox = Self { engine, module, limits, hash };
		let mut store = sandbox.store();
		let instance = sandbox.start(&mut store).map_err(SandboxError::Start)?;
		Exports::of(&instance, &store)?;
		Ok(sandbox)
	}

	/// Returns the record by which a suite names this sandbox.
	pub fn checker(&self) -> Checker {
		let Limits { fuel, memory_bytes } = self.limits;
		Checker { module: self.hash.clone(), fuel, memory_bytes: memory_bytes as u64 }
	}

	/// Judges a program in an instance of its own.
	pub fn judge(&self, program: &[u8]) -> Verdict {
		self.run(program).unwrap_or_else(|verdict| verdict)
	}

	fn run(&self, program: &[u8]) -> Result<Verdict, Verdict> {
		let mut store = self.store();
		let instance = self.start(&mut store)?;
		// The exports were there when the module was compiled.
		let Exports { memory, alloc, check } =
			Exports::of(&instance, &store).map_err(|_| Verdict::Trapped)?;
		let length = i32::try_from(program.len()).map_err(|_| Verdict::OutOfMemory)?;
		let address = alloc.call(&mut store, length).map_err(verdict)?;
		let place = usize::try_from(address as u32).map_err(|_| Verdict::Trapped)?;
		memory.write(&mut store, place, program).map_err(|_| Verdict::Trapped)?;
		match check.call(&mut store, (address, length)).map_err(verdict)? {
			0 => Ok(Verdict::Passed),
			code => Ok(Verdict::Rejected(code)),
		}
	}

	fn store(&self) -> Store<StoreLimits> {
		let limits = StoreLimitsBuilder::new()
			.memory_size(self.limits.memory_bytes)
			.table_elements(TABLE_ENTRIES_MAX)
			.tables(TABLES_MAX)
			.instances(1)
			.memories(1)
			// A program that gets no memory may go on without; the verdict shall say why it failed.
			.trap_on_grow_failure(true);
		let mut store = Store::new(&self.engine, limits.build());
		store.limiter(|limits| limits);
		store
	}

	fn start(&self, store: &mut Store<StoreLimits>) -> Result<Instance, Verdict> {
		store.set_fuel(self.limits.fuel).map_err(verdict)?;
		// Without imports, only the limits and the module's own start function can fail.
		Instance::new(store, &self.module, &[]).map_err(|error| match error.as_trap_code() {
			Some(_) => verdict(error),
			None => Verdict::OutOfMemory,
		})
	}
}

/// Exports of a checker module.
struct Exports {
	memory: wasmi::Memory,
	alloc: wasmi::TypedFunc<i32, i32>,
	check: wasmi::TypedFunc<(i32, i32), i32>,
}

impl Exports {
	fn of(instance: &Instance, store: &Store<StoreLimits>) -> Result<Self, SandboxError> {
		Ok(Self {
			memory: instance.get_memory(store, "memory").ok_or(SandboxError::Export("memory"))?,
			alloc: instance.get_typed_func(store, "alloc").map_err(|_| SandboxError::Export("alloc"))?,
			check: instance.get_typed_func(store, "check").map_err(|_| SandboxError::Export("check"))?,
		})
	}
}

fn verdict(error: wasmi::Error) -> Verdict {
	match error.as_trap_code() {
		Some(TrapCode::OutOfFuel) => Verdict::OutOfFuel,
		Some(TrapCode::StackOverflow) => Verdict::StackOverflow,
		Some(TrapCode::GrowthOperationLimited) => Verdict::OutOfMemory,
		_ => Verdict::Trapped,
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const LIMITS: Limits = Limits { fuel: 100_000, memory_bytes: 4 << 16 };

	/// A module whose check does this.
	fn module(check: &str) -> String {
		format!(
			"(module (memory (export \"memory\") 1)
			(func (export \"alloc\") (param i32) (result i32) (i32.const 16))
			(func $check (export \"check\") (param $at i32) (param $length i32) (result i32) {check}))"
		)
	}

	fn judge(check: &str, program: &[u8]) -> Verdict {
		Sandbox::new(module(check).as_bytes(), LIMITS).unwrap().judge(program)
	}

	#[test]
	fn the_code_of_a_module_is_its_verdict() {
		let first_byte = "(i32.sub (i32.load8_u (local.get $at)) (i32.const 65))";
		assert_eq!(judge(first_byte, b"A"), Verdict::Passed);
		assert_eq!(judge(first_byte, b"C"), Verdict::Rejected(2));
		assert_eq!(judge("(local.get $length)", b""), Verdict::Passed);
	}

	#[test]
	fn an_endless_loop_runs_out_of_fuel_and_the_next_program_is_judged() {
		let sandbox = Sandbox::new(
			module("(loop $more (br_if $more (local.get $length))) (i32.const 0)").as_bytes(),
			LIMITS,
		)
		.unwrap();
		assert_eq!(sandbox.judge(b"x"), Verdict::OutOfFuel);
		assert_eq!(sandbox.judge(b""), Verdict::Passed);
	}

	#[test]
	fn a_memory_bomb_stops_at_its_limit() {
		let bomb = "(loop $more (drop (memory.grow (i32.const 1))) (br $more)) (i32.const 0)";
		assert_eq!(judge(bomb, b""), Verdict::OutOfMemory);
	}

	#[test]
	fn endless_recursion_ends_at_the_depth_of_the_stack() {
		let recursion = "(call $check (local.get $at) (local.get $length))";
		let deep = Limits { fuel: 100_000_000, ..LIMITS };
		let sandbox = Sandbox::new(module(recursion).as_bytes(), deep).unwrap();
		assert_eq!(sandbox.judge(b""), Verdict::StackOverflow);
	}

	#[test]
	fn a_trap_fails_the_program() {
		assert_eq!(judge("(unreachable)", b""), Verdict::Trapped);
		assert_eq!(judge("(i32.div_u (i32.const 1) (local.get $length))", b""), Verdict::Trapped);
		assert_eq!(judge("(i32.load (i32.const -4))", b""), Verdict::Trapped);
	}

	#[test]
	fn a_program_that_does_not_fit_the_memory_it_was_given_fails() {
		assert_eq!(judge("(i32.const 0)", &[b'x'; 1 << 16]), Verdict::Trapped);
	}

	#[test]
	fn nothing_of_a_program_is_left_for_the_next_one() {
		let counts = "(i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
			(i32.sub (i32.load (i32.const 0)) (i32.const 1))";
		let sandbox = Sandbox::new(module(counts).as_bytes(), LIMITS).unwrap();
		assert_eq!([sandbox.judge(b"a"), sandbox.judge(b"b")], [Verdict::Passed; 2]);
	}

	#[test]
	fn modules_that_want_a_host_or_lack_an_export_are_refused_by_name() {
		let refused = |text: &str| Sandbox::new(text.as_bytes(), LIMITS).err().unwrap().to_string();
		let import = "(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func)))";
		assert!(refused(import).contains("imports wasi_snapshot_preview1.fd_write"));
		assert!(refused("(module)").contains("no export memory"));
		assert!(refused("(module (memory (export \"memory\") 1))").contains("no export alloc"));
		assert!(refused("(module (memory (export \"memory\") 5))").contains("too much memory"));
		let tables = format!("(module {})", "(table 1 funcref)".repeat(TABLES_MAX + 1));
		assert!(refused(&tables).contains("too much memory"));
		assert!(refused("(nodule)").contains("not a WebAssembly module"));
		assert!(refused("(module (func $s (loop (br 0))) (start $s))").contains("too many instructions"));
	}
}
