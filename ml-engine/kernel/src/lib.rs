//! SIMD kernels of the exact network, one per instruction set; all of them compute the same bits.
//!
//! A [`Kernel`] can only be had for instructions that this processor has, which is what makes the
//! `unsafe` calls of this crate sound. Matrix products are written with intrinsics ([`ternary`], [`packed`],
//! [`packed_int8`], [`attention`]); everything else is one plain loop compiled once per instruction set
//! ([`activations`], [`rowwise`]). [`definition2`] holds the operators of the second definition.

#![deny(unsafe_op_in_unsafe_fn)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod activations;
pub mod attention;
pub mod definition2;
pub mod hash;
mod math;
#[cfg(target_arch = "x86_64")]
mod norm;
pub mod packed;
pub mod packed_int8;
pub mod rowwise;
pub mod ternary;
#[cfg(test)]
mod tests;

use std::fmt;

/// An instruction set that this processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(Path);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
	Portable,
	#[cfg(target_arch = "x86_64")]
	Avx2,
	#[cfg(target_arch = "x86_64")]
	Avx512Vnni,
	#[cfg(target_arch = "aarch64")]
	Neon,
	#[cfg(target_arch = "aarch64")]
	NeonSdot,
}

impl Kernel {
	/// Plain Rust, for every processor.
	pub const PORTABLE: Self = Self(Path::Portable);

	/// Returns the AVX2 kernel, if this processor has it, and F16C, which came before it.
	pub fn avx2() -> Option<Self> {
		#[cfg(target_arch = "x86_64")]
		if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c") {
			return Some(Self(Path::Avx2));
		}
		None
	}

	/// Returns the kernel for AVX-512 with its dot-product instructions, if this processor has them.
	pub fn avx512_vnni() -> Option<Self> {
		#[cfg(target_arch = "x86_64")]
		if is_x86_feature_detected!("avx2")
			&& is_x86_feature_detected!("avx512f")
			&& is_x86_feature_detected!("avx512bw")
			&& is_x86_feature_detected!("avx512dq")
			&& is_x86_feature_detected!("avx512vl")
			&& is_x86_feature_detected!("avx512vnni")
		{
			return Some(Self(Path::Avx512Vnni));
		}
		None
	}

	/// Returns the NEON kernel, on every 64-bit ARM processor.
	pub fn neon() -> Option<Self> {
		#[cfg(target_arch = "aarch64")]
		return Some(Self(Path::Neon));
		#[cfg(not(target_arch = "aarch64"))]
		None
	}

	/// Returns the kernel for NEON with its dot product, if this processor has that.
	pub fn neon_sdot() -> Option<Self> {
		#[cfg(target_arch = "aarch64")]
		if std::arch::is_aarch64_feature_detected!("dotprod") {
			return Some(Self(Path::NeonSdot));
		}
		None
	}

	/// Returns the fastest of [`Self::available`].
	pub fn best() -> Self {
		let vector = Self::avx512_vnni().or_else(Self::avx2).or_else(Self::neon_sdot).or_else(Self::neon);
		vector.unwrap_or(Self::PORTABLE)
	}

	/// Returns all kernels that this processor can run, slowest first.
	pub fn available() -> Vec<Self> {
		let kernels =
			[Some(Self::PORTABLE), Self::avx2(), Self::avx512_vnni(), Self::neon(), Self::neon_sdot()];
		kernels.into_iter().flatten().collect()
	}

	/// Returns the kernel of this name (see [`Self::name`]), if this processor can run it.
	pub fn by_name(name: &str) -> Option<Self> {
		Self::available().into_iter().find(|kernel| kernel.name() == name)
	}

	/// Returns the name: `portable`, `avx2`, `avx512-vnni`, `neon` or `neon-sdot`.
	pub fn name(self) -> &'static str {
		match self.0 {
			Path::Portable => "portable",
			#[cfg(target_arch = "x86_64")]
			Path::Avx2 => "avx2",
			#[cfg(target_arch = "x86_64")]
			Path::Avx512Vnni => "avx512-vnni",
			#[cfg(target_arch = "aarch64")]
			Path::Neon => "neon",
			#[cfg(target_arch = "aarch64")]
			Path::NeonSdot => "neon-sdot",
		}
	}
}

impl fmt::Display for Kernel {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(self.name())
	}
}

/// Defines a function whose one body is compiled for every instruction set and chosen by its first argument.
macro_rules! versions {
	($(#[$meta:meta])* pub fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $out:ty)? $body:block) => {
		$(#[$meta])*
		pub fn $name(kernel: $crate::Kernel, $($arg: $type),*) $(-> $out)? {
			#[inline(always)]
			fn plain($($arg: $type),*) $(-> $out)? $body

			#[cfg(target_arch = "x86_64")]
			#[target_feature(enable = "avx2")]
			fn avx2($($arg: $type),*) $(-> $out)? {
				plain($($arg),*)
			}

			#[cfg(target_arch = "x86_64")]
			#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
			fn avx512($($arg: $type),*) $(-> $out)? {
				plain($($arg),*)
			}

			match kernel.0 {
				$crate::Path::Portable => plain($($arg),*),
				// SAFETY: a kernel of this kind exists only where its instructions were detected.
				#[cfg(target_arch = "x86_64")]
				$crate::Path::Avx2 => unsafe { avx2($($arg),*) },
				// SAFETY: as above.
				#[cfg(target_arch = "x86_64")]
				$crate::Path::Avx512Vnni => unsafe { avx512($($arg),*) },
				// Compilers use NEON in plain loops wherever it exists, which is everywhere.
				#[cfg(target_arch = "aarch64")]
				$crate::Path::Neon | $crate::Path::NeonSdot => plain($($arg),*),
			}
		}
	};
}
use versions;
