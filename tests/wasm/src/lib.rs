//! Random blocks of random operators, computed by the definition.
//!
//! Compiled for the runtime's target this is a module of four functions: one a definition, one of the second
//! definition's adapters, and one of its answers; the test beside it runs that module and the same code natively. The chain settles disputes in
//! WebAssembly, operators compute natively: this is what says that they cannot disagree.
#![cfg_attr(target_arch = "wasm32", no_std)]

use blyan_exact::{definition2, golden, Hash};

/// The first eight bytes, little endian, of the hash over `count` random blocks from number `first` on.
pub fn digest(first: u64, count: u32) -> u64 {
	start_of(golden::random_blocks(first, count))
}

/// The same of blocks of the second definition.
pub fn digest_of_second(first: u64, count: u32) -> u64 {
	start_of(definition2::step::random_blocks(first, count))
}

/// The same of blocks of the second definition's adapters.
pub fn digest_of_adapters(first: u64, count: u32) -> u64 {
	start_of(definition2::step::random_adapter_blocks(first, count))
}

/// The same of blocks of the second definition's answers.
pub fn digest_of_answers(first: u64, count: u32) -> u64 {
	start_of(definition2::step::random_answer_blocks(first, count))
}

fn start_of([a, b, c, d, e, f, g, h, ..]: Hash) -> u64 {
	u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(target_arch = "wasm32")]
mod guest {
	use dlmalloc::GlobalDlmalloc;

	#[global_allocator]
	static ALLOCATOR: GlobalDlmalloc = GlobalDlmalloc;

	#[panic_handler]
	fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
		core::arch::wasm32::unreachable()
	}

	/// [`digest`](super::digest) for the host.
	#[no_mangle]
	extern "C" fn digest(first: u64, count: u32) -> u64 {
		super::digest(first, count)
	}

	/// [`digest_of_second`](super::digest_of_second) for the host.
	#[no_mangle]
	extern "C" fn digest_of_second(first: u64, count: u32) -> u64 {
		super::digest_of_second(first, count)
	}

	/// [`digest_of_adapters`](super::digest_of_adapters) for the host.
	#[no_mangle]
	extern "C" fn digest_of_adapters(first: u64, count: u32) -> u64 {
		super::digest_of_adapters(first, count)
	}

	/// [`digest_of_answers`](super::digest_of_answers) for the host.
	#[no_mangle]
	extern "C" fn digest_of_answers(first: u64, count: u32) -> u64 {
		super::digest_of_answers(first, count)
	}
}
