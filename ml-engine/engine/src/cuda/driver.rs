//! GPU driver: memory, and kernels that are started by name.

use super::DeviceError;
use cudarc::{
	driver::{
		sys, CudaContext, CudaFunction, CudaSlice, CudaStream, DevicePtr, DeviceRepr, DriverError,
		LaunchConfig, PushKernelArg, ValidAsZeroBits,
	},
	nvrtc::Ptx,
};
use std::{
	panic::{catch_unwind, AssertUnwindSafe},
	sync::Arc,
};

/// The kernels for GPUs with integer matrix units of the shape we use, and for those with dot products of four bytes.
const MATRIX_UNITS: ((i32, i32), &str) = ((8, 0), include_str!("kernels/sm80.ptx"));
const DOT_PRODUCTS: ((i32, i32), &str) = ((6, 1), include_str!("kernels/sm61.ptx"));

impl From<DriverError> for DeviceError {
	fn from(error: DriverError) -> Self {
		Self::Driver(error.to_string())
	}
}

/// Names of the kernels, as in `kernels.cu`.
macro_rules! kernels {
	($($name:ident = $text:literal,)*) => {
		/// A kernel.
		#[derive(Clone, Copy, Debug)]
		pub(super) enum Kernel {
			$($name,)*
		}

		/// In the order of [`Kernel`].
		const NAMES: &[&str] = &[$($text,)*];
	};
}
kernels! {
	Embed = "embed",
	NormQuant = "norm_quant",
	NormQuantSquaredRelu = "norm_quant_squared_relu",
	TernaryMatmul = "ternary_matmul",
	TableMatmul = "table_matmul",
	SplitHeads = "split_heads",
	Attend = "attend",
	Route = "route",
	Group = "group",
	Scatter = "scatter",
	ExpertUp = "expert_up",
	ExpertDown = "expert_down",
	Mix = "mix",
	Loss = "loss",
}

/// Numbers in the GPU's memory.
pub(super) struct Buffer<T> {
	slice: CudaSlice<T>,
	address: u64,
}

impl<T> Buffer<T> {
	/// Returns the address at which they begin, for kernels.
	pub(super) fn at(&self) -> u64 {
		self.address
	}

	/// Returns their number.
	pub(super) fn len(&self) -> usize {
		self.slice.len()
	}
}

/// Name and capabilities of a GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
	/// Its name.
	pub name: String,
	/// Its compute capability, major and minor.
	pub capability: (i32, i32),
	/// True if products are computed by matrix units.
	pub matrix_units: bool,
}

/// GPU with our kernels loaded. Work runs in the order in which it is submitted.
pub(super) struct Driver {
	stream: Arc<CudaStream>,
	functions: Vec<CudaFunction>,
	info: DeviceInfo,
}

/// Functions of the driver's library that we call. The bindings look each one up when it is first called, and panic
/// where it is missing.
const SYMBOLS: &[&str] = &[
	"cuInit",
	"cuDeviceGet",
	"cuDeviceGetCount",
	"cuDeviceGetName",
	"cuDeviceGetAttribute",
	"cuDevicePrimaryCtxRetain",
	"cuDevicePrimaryCtxRelease_v2",
	"cuCtxSetCurrent",
	"cuCtxGetCurrent",
	"cuCtxSynchronize",
	"cuMemGetInfo_v2",
	"cuMemAlloc_v2",
	"cuMemFree_v2",
	"cuMemcpyHtoDAsync_v2",
	"cuMemcpyDtoHAsync_v2",
	"cuMemcpyDtoDAsync_v2",
	"cuMemsetD8Async",
	"cuModuleLoadData",
	"cuModuleUnload",
	"cuModuleGetFunction",
	"cuLaunchKernel",
	"cuStreamCreate",
	"cuStreamSynchronize",
	"cuStreamDestroy_v2",
];

/// Runs what calls into the bindings, so that no panic of theirs leaves this module.
pub(super) fn without_panics<T>(work: impl FnOnce() -> Result<T, DeviceError>) -> Result<T, DeviceError> {
	catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
		let reason = "the CUDA driver lacks a function; install one from version 525 on";
		Err(DeviceError::Unavailable(reason.into()))
	})
}

impl Driver {
	/// Opens the first GPU, with the kernels that fit it.
	pub(super) fn open() -> Result<Self, DeviceError> {
		let unavailable = |reason: String| Err(DeviceError::Unavailable(reason));
		// SAFETY: it only tries to load the driver's library by its usual names, which runs its initialisers.
		if !unsafe { sys::is_culib_present() } {
			return unavailable("there is no CUDA driver (libcuda.so.1)".into());
		}
		let is_missing = |name: &&&str| {
			// SAFETY: the library is there, as was asked above; the symbol is looked up and not called.
			unsafe { sys::culib().get::<*const ()>(name.as_bytes()) }.is_err()
		};
		if let Some(name) = SYMBOLS.iter().find(is_missing) {
			return unavailable(format!("the CUDA driver has no {name}; install one from version 525 on"));
		}
		if CudaContext::device_count()? < 1 {
			return unavailable("there is a CUDA driver, but no GPU".into());
		}
		let context = CudaContext::new(0)?;
		// SAFETY: everything happens on one stream, so no buffer is ever waited for by another.
		unsafe { context.disable_event_tracking() };
		let (name, capability) = (context.name()?, context.compute_capability()?);
		let matrix_units = capability >= MATRIX_UNITS.0;
		let (oldest, ptx) = if matrix_units { MATRIX_UNITS } else { DOT_PRODUCTS };
		if capability < oldest {
			let (major, minor) = capability;
			return unavailable(format!(
				"{name} has compute capability {major}.{minor}; 6.1 is the oldest we can use"
			));
		}
		let module = match context.load_module(Ptx::from_src(ptx)) {
			Ok(module) => module,
			Err(error) => {
				return unavailable(format!("{name} refuses our kernels; update its driver: {error}"))
			}
		};
		let functions = NAMES.iter().map(|name| module.load_function(name)).collect::<Result<_, _>>()?;
		let info = DeviceInfo { name, capability, matrix_units };
		Ok(Self { stream: context.new_stream()?, functions, info })
	}

	/// Returns the name and capabilities of the GPU.
	pub(super) fn info(&self) -> &DeviceInfo {
		&self.info
	}

	/// Returns the free bytes of its memory.
	pub(super) fn free_bytes(&self) -> Result<usize, DeviceError> {
		Ok(self.stream.context().mem_get_info()?.0)
	}

	fn buffer<T>(&self, slice: CudaSlice<T>) -> Buffer<T> {
		let address = slice.device_ptr(&self.stream).0;
		Buffer { slice, address }
	}

	/// Allocates `len` numbers, at least one, that a kernel writes before one reads them.
	pub(super) fn room<T: DeviceRepr>(&self, len: usize) -> Result<Buffer<T>, DeviceError> {
		// SAFETY: numbers of any bits are valid, and kernels take nothing from here before they put it here.
		let slice = unsafe { self.stream.alloc(len.max(1))? };
		Ok(self.buffer(slice))
	}

	/// Copies `values` to the GPU, of which there is at least one.
	pub(super) fn upload<T: DeviceRepr>(&self, values: &[T]) -> Result<Buffer<T>, DeviceError> {
		Ok(self.buffer(self.stream.clone_htod(values)?))
	}

	/// Overwrites the first of a buffer's numbers.
	pub(super) fn write<T: DeviceRepr>(
		&self,
		buffer: &mut Buffer<T>,
		values: &[T],
	) -> Result<(), DeviceError> {
		Ok(self.stream.memcpy_htod(values, &mut buffer.slice.slice_mut(..values.len()))?)
	}

	/// Overwrites a buffer with zeros.
	pub(super) fn clear<T: DeviceRepr + ValidAsZeroBits>(
		&self,
		buffer: &mut Buffer<T>,
	) -> Result<(), DeviceError> {
		Ok(self.stream.memset_zeros(&mut buffer.slice)?)
	}

	/// Copies the first `len` numbers of one buffer to another.
	pub(super) fn copy<T: DeviceRepr>(
		&self,
		from: &Buffer<T>,
		to: &mut Buffer<T>,
		len: usize,
	) -> Result<(), DeviceError> {
		Ok(self.stream.memcpy_dtod(&from.slice.slice(..len), &mut to.slice.slice_mut(..len))?)
	}

	/// Copies the first `len` numbers of a buffer back, once all work before is done.
	pub(super) fn download<T: DeviceRepr + Clone + Default>(
		&self,
		buffer: &Buffer<T>,
		len: usize,
	) -> Result<Vec<T>, DeviceError> {
		let values = self.stream.clone_dtoh(&buffer.slice.slice(..len))?;
		self.stream.synchronize()?;
		Ok(values)
	}

	/// Waits until all work is done.
	pub(super) fn wait(&self) -> Result<(), DeviceError> {
		Ok(self.stream.synchronize()?)
	}

	/// Starts a kernel on `grid` blocks of `threads`.
	///
	/// # Safety
	/// `arguments` are what the kernel's parameters say, and the buffers whose addresses are among them are as long as
	/// the kernel takes them to be.
	pub(super) unsafe fn launch(
		&self,
		kernel: Kernel,
		grid: (usize, usize),
		threads: u32,
		arguments: &[u64],
	) -> Result<(), DeviceError> {
		// Tokens are below 2^31 and outputs below 2^16, so their tiles are.
		let grid_dim = (grid.0 as u32, grid.1 as u32, 1);
		let mut launch = self.stream.launch_builder(&self.functions[kernel as usize]);
		for argument in arguments {
			launch.arg(argument);
		}
		// SAFETY: as this function's.
		unsafe { launch.launch(LaunchConfig { grid_dim, block_dim: (threads, 1, 1), shared_mem_bytes: 0 })? };
		Ok(())
	}
}
