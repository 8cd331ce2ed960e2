// SPDX-License-Identifier: GPL-2.0-only

//! Network devices of our own, and the driver behind them.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

use super::{
    header::HEADER_OPS, Description, GroCells, KillList, Links, NewDevice, Port, PortRef, Rtnl,
    Wishes,
};
use crate::kapi::{
    net::{skbuff::Skb, to_result, Net},
    raw,
};
use core::{marker::PhantomData, mem, ops::Deref, ptr, ptr::NonNull};
use kernel::{
    ffi::{c_int, c_void},
    prelude::*,
    sync::rcu::{self, Guard},
};

/// Counters of a device.
#[derive(Default)]
pub(crate) struct Stats {
    /// Packets received.
    pub(crate) rx_packets: u64,
    /// Bytes received.
    pub(crate) rx_bytes: u64,
    /// Received packets that were bad.
    pub(crate) rx_errors: u64,
    /// Received packets that were not wanted.
    pub(crate) rx_dropped: u64,
    /// Packets sent.
    pub(crate) tx_packets: u64,
    /// Bytes sent.
    pub(crate) tx_bytes: u64,
    /// Packets that could not be sent.
    pub(crate) tx_errors: u64,
    /// Packets that were not to be sent.
    pub(crate) tx_dropped: u64,
}

/// A driver of virtual devices. The implementing value is the device's private data.
pub(crate) trait Driver: Send + Sync + Sized + 'static {
    /// What `ip link` calls such devices.
    const KIND: &'static CStr;
    /// Bytes that a description of a device takes at most.
    const DESCRIPTION: usize;
    /// The link operations; there is one static for each driver.
    fn links() -> &'static Links<Self>;
    /// A user asks for a device. When it fails the device must not be registered, or be on its way out.
    fn create(request: NewDevice<'_, Self>, rtnl: &Rtnl) -> Result;
    /// A user wants something else of a device.
    fn change(dev: &Device<Self>, wishes: &Wishes<'_, Self>, rtnl: &Rtnl) -> Result;
    /// Describes the device in attributes of this driver. May not sleep.
    fn describe(&self, to: &mut Description<'_>) -> Result;
    /// A user, or the end of the namespace or of the driver, wants the device gone: all references to it are given up,
    /// and it is put on `list`. Cannot fail.
    fn delete(dev: &Device<Self>, rtnl: &Rtnl, list: &mut KillList);
    /// Interface index of the device that this one stands on. Any context.
    fn lower(&self) -> Option<c_int>;
    /// Where packets that the device receives are merged.
    fn gro(&self) -> &GroCells;
    /// The device is to go up. Under RTNL.
    fn open(dev: &Device<Self>) -> Result;
    /// The device went down. Under RTNL.
    fn stop(dev: &Device<Self>);
    /// Sends a packet. Bottom halves are disabled and RCU is held; many CPUs at the same time.
    fn transmit(dev: &Device<Self>, skb: Skb, guard: &Guard);
    /// Counters. May not sleep.
    fn stats(&self) -> Stats;
    /// A private ioctl, `cmd` counted from `SIOCDEVPRIVATE`, with the first 16 bytes of its argument. Under RTNL.
    fn ioctl(dev: &Device<Self>, rtnl: &Rtnl, cmd: u32, arg: &[u8; 16]) -> Result;
}

/// A device of ours, borrowed.
///
/// # Invariants
///
/// Made by [`DeviceRef::register`]: the private area holds an initialised `T`.
#[repr(transparent)]
pub(crate) struct Device<T: Driver>(Port, PhantomData<T>);

/// The private area of a device.
///
/// # Safety
///
/// `dev` must be a live device.
#[inline]
unsafe fn private<T>(dev: *mut raw::net_device) -> *mut T {
    // SAFETY: By the function's requirement; the area begins where the structure ends.
    unsafe { ptr::addr_of_mut!((*dev).priv_).cast() }
}

impl<T: Driver> Device<T> {
    const OPS: raw::net_device_ops = raw::net_device_ops {
        ndo_init: Some(Self::init_callback),
        ndo_uninit: Some(Self::uninit_callback),
        ndo_open: Some(Self::open_callback),
        ndo_stop: Some(Self::stop_callback),
        ndo_start_xmit: Some(Self::start_xmit_callback),
        ndo_get_stats64: Some(Self::stats_callback),
        ndo_siocdevprivate: Some(Self::ioctl_callback),
        ndo_get_iflink: Some(Self::iflink_callback),
        // SAFETY: All-zero is a valid `net_device_ops`.
        ..unsafe { mem::zeroed() }
    };

    /// # Safety
    ///
    /// `dev` must be a device made by [`DeviceRef::register`] for `T` that stays alive for `'a`.
    pub(in crate::kapi::net) unsafe fn from_raw<'a>(dev: *mut raw::net_device) -> &'a Self {
        // CAST: Transparent wrappers.
        // SAFETY: By the function's requirement.
        unsafe { &*dev.cast() }
    }

    /// The driver's data.
    #[inline]
    pub(crate) fn data(&self) -> &T {
        // SAFETY: By the type invariant.
        unsafe { &*private(self.0.as_ptr()) }
    }

    /// The device as any other.
    #[inline]
    pub(crate) fn port(&self) -> &Port {
        &self.0
    }

    /// A counted reference.
    pub(crate) fn hold(&self) -> DeviceRef<T> {
        DeviceRef(self.0.hold(), PhantomData)
    }

    /// Takes over link type, address, header length and room from `phys`, and sets the MTU.
    pub(crate) fn adopt(&self, _rtnl: &Rtnl, phys: &Port, mtu: u32, headroom: u16) -> Result {
        // SAFETY: Both devices are alive and RTNL is held, which protects these fields.
        to_result(unsafe {
            raw::klips_dev_adopt(self.0.as_ptr(), phys.as_ptr(), mtu as c_int, headroom)
        })
    }

    /// Takes over the address of `phys`, which changed.
    pub(crate) fn copy_addr(&self, _rtnl: &Rtnl, phys: &Port) {
        // SAFETY: Both devices are alive and RTNL is held, which protects addresses.
        unsafe { raw::klips_dev_copy_addr(self.0.as_ptr(), phys.as_ptr()) };
    }

    /// Goes back to the link type "void" without address or header. The MTU stays.
    pub(crate) fn abandon(&self, _rtnl: &Rtnl) {
        // SAFETY: The device is alive and RTNL is held, which protects these fields.
        unsafe { raw::klips_dev_abandon(self.0.as_ptr()) };
    }

    /// Removes the device, which is over when RTNL is released and all references are dropped.
    pub(crate) fn remove(&self, _rtnl: &Rtnl) {
        // SAFETY: Whoever removes a device takes it off the driver's list of devices, under RTNL, so it is registered.
        unsafe { raw::unregister_netdevice_queue(self.0.as_ptr(), ptr::null_mut()) };
    }

    /// Queues the device for removal. References still have to be dropped for the removal to end.
    pub(crate) fn unregister(&self, list: &mut KillList) {
        // SAFETY: As above; the list is good and RTNL held by `KillList`'s contract.
        unsafe { raw::unregister_netdevice_queue(self.0.as_ptr(), list.0) };
    }

    /// Puts `data` into a device of ours that nobody knows yet, and registers it. When it fails the device is the
    /// caller's to free, and that alone.
    ///
    /// # Safety
    ///
    /// `dev` must be a device set up by `setup_callback` with room for `T`, in a live namespace, and not registered.
    pub(super) unsafe fn complete(
        dev: *mut raw::net_device,
        data: T,
        _rtnl: &Rtnl,
    ) -> Result<DeviceRef<T>> {
        const { assert!(mem::align_of::<T>() <= 32) };
        // SAFETY: The private area is large and aligned enough for `T` and nobody else's yet.
        unsafe { private::<T>(dev).write(data) };
        // The kernel runs a destructor on some of its failure paths only, so it learns of ours when that is known. Until
        // RTNL is released nobody else can remove the device.
        // SAFETY: The device is complete.
        let err = unsafe { raw::register_netdevice(dev) };
        // SAFETY: The device is alive; see above for why nobody reads the field yet.
        let state = unsafe { raw::klips_dev_is_leaving(dev) };
        if err == 0 || state {
            // A device that was refused when it was there already is being taken apart, and readers may still see it.
            // SAFETY: As above.
            unsafe { (*dev).priv_destructor = Some(Self::destructor_callback) };
        } else {
            // SAFETY: Not registered, without a destructor, so the data is ours.
            unsafe { ptr::drop_in_place(private::<T>(dev)) };
        }
        to_result(err)?;
        // CAST: `Port` is a transparent wrapper.
        // SAFETY: Registered just now; in a live namespace it stays until it is removed by us, which needs RTNL.
        let port = unsafe { &*dev.cast::<Port>() };
        Ok(DeviceRef(port.hold(), PhantomData))
    }

    /// Fills in a new device.
    ///
    /// # Safety
    ///
    /// `dev` must be a device just allocated with room for `T`, which nobody else knows yet.
    pub(super) unsafe extern "C" fn setup_callback(dev: *mut raw::net_device) {
        // SAFETY: Called by the allocation with the new device, which nobody else knows yet.
        let d = unsafe { &mut *dev };
        d.netdev_ops = &Self::OPS;
        d.header_ops = &HEADER_OPS.0;
        d.type_ = raw::ARPHRD_VOID as u16;
        d.flags = raw::KLIPS_IFF_NOARP;
        d.tx_queue_len = 10;
        d.max_mtu = 65535;
        d.broadcast = [0xff; 32];
        d.needs_free_netdev = true;
        d.rtnl_link_ops = T::links().as_ptr();
        // SAFETY: As above.
        unsafe { raw::klips_dev_virtual(dev) };
    }

    /// Drops the driver's data.
    ///
    /// # Safety
    ///
    /// `dev` must be a device of this driver that is gone for everybody else; called once.
    unsafe extern "C" fn destructor_callback(dev: *mut raw::net_device) {
        // SAFETY: The device is gone for everybody; its data was initialised before it was registered and is dropped once.
        unsafe { ptr::drop_in_place(private::<T>(dev)) };
    }

    /// The device is about to be registered.
    ///
    /// # Safety
    ///
    /// `dev` must be a device of this driver with its data in place, and RTNL be held.
    unsafe extern "C" fn init_callback(dev: *mut raw::net_device) -> c_int {
        // SAFETY: By the function's requirement.
        unsafe { Self::from_raw(dev).data().gro().set_up(dev) }
    }

    /// The device is no longer registered.
    ///
    /// # Safety
    ///
    /// `dev` must be a device of this driver for which `init_callback` succeeded, and RTNL be held.
    unsafe extern "C" fn uninit_callback(dev: *mut raw::net_device) {
        // SAFETY: By the function's requirement; the device was taken down before.
        unsafe { Self::from_raw(dev).data().gro().take_down() };
    }

    /// The device is to go up.
    ///
    /// # Safety
    ///
    /// `dev` must be a live device of this driver, and RTNL be held.
    unsafe extern "C" fn open_callback(dev: *mut raw::net_device) -> c_int {
        // SAFETY: The kernel passes a device of this driver.
        T::open(unsafe { Self::from_raw(dev) }).map_or_else(|e| e.to_errno(), |()| 0)
    }

    /// The device went down.
    ///
    /// # Safety
    ///
    /// `dev` must be a live device of this driver, and RTNL be held.
    unsafe extern "C" fn stop_callback(dev: *mut raw::net_device) -> c_int {
        // SAFETY: The kernel passes a device of this driver.
        T::stop(unsafe { Self::from_raw(dev) });
        0
    }

    /// A packet is to be sent.
    ///
    /// # Safety
    ///
    /// `skb` must be a buffer that the caller gives up, `dev` a live device of this driver, and
    /// bottom halves be disabled.
    unsafe extern "C" fn start_xmit_callback(
        skb: *mut raw::sk_buff,
        dev: *mut raw::net_device,
    ) -> raw::netdev_tx_t {
        if let Some(skb) = NonNull::new(skb) {
            // With bottom halves disabled no grace period ends, but what the kernel checks when it debugs itself is this.
            let guard = rcu::read_lock();
            // SAFETY: The kernel passes a device of this driver and gives us the buffer.
            unsafe { T::transmit(Self::from_raw(dev), Skb::from_raw(skb), &guard) };
        }
        raw::netdev_tx_NETDEV_TX_OK
    }

    /// Somebody wants the counters.
    ///
    /// # Safety
    ///
    /// `dev` must be a live device of this driver and `to` a structure that the caller may
    /// write.
    unsafe extern "C" fn stats_callback(
        dev: *mut raw::net_device,
        to: *mut raw::rtnl_link_stats64,
    ) {
        // SAFETY: The kernel passes a device of this driver and a structure for us to fill.
        let (stats, to) = unsafe { (Self::from_raw(dev).data().stats(), &mut *to) };
        to.rx_packets = stats.rx_packets;
        to.rx_bytes = stats.rx_bytes;
        to.rx_errors = stats.rx_errors;
        to.rx_dropped = stats.rx_dropped;
        to.tx_packets = stats.tx_packets;
        to.tx_bytes = stats.tx_bytes;
        to.tx_errors = stats.tx_errors;
        to.tx_dropped = stats.tx_dropped;
    }

    /// Somebody wants to know what the device stands on.
    ///
    /// # Safety
    ///
    /// `dev` must be a live device of this driver.
    unsafe extern "C" fn iflink_callback(dev: *const raw::net_device) -> c_int {
        // SAFETY: The kernel passes a device of this driver.
        let this = unsafe { Self::from_raw(dev.cast_mut()) };
        this.data().lower().unwrap_or(this.port().ifindex())
    }

    /// A private ioctl.
    ///
    /// # Safety
    ///
    /// `dev` must be a live device of this driver, `ifr` the kernel's own copy of the request,
    /// and RTNL be held.
    unsafe extern "C" fn ioctl_callback(
        dev: *mut raw::net_device,
        ifr: *mut raw::ifreq,
        _data: *mut c_void,
        cmd: c_int,
    ) -> c_int {
        // SAFETY: The kernel passes its own copy of the request, whose union is at least 16 bytes of plain data.
        let arg = unsafe { *ptr::addr_of!((*ifr).ifr_ifru).cast::<[u8; 16]>() };
        // SAFETY: Private ioctls are called under RTNL.
        let rtnl = unsafe { Rtnl::assume() };
        let cmd = (cmd as u32).wrapping_sub(raw::SIOCDEVPRIVATE);
        // SAFETY: The kernel passes a device of this driver.
        T::ioctl(unsafe { Self::from_raw(dev) }, &rtnl, cmd, &arg)
            .map_or_else(|e| e.to_errno(), |()| 0)
    }
}

/// A counted reference to a device of ours.
pub(crate) struct DeviceRef<T: Driver>(PortRef, PhantomData<T>);

impl<T: Driver> DeviceRef<T> {
    /// Makes and registers a device called `name` in `net`. `EEXIST`: the name is taken.
    pub(crate) fn register(net: &Net, name: &CStr, data: T, rtnl: &Rtnl) -> Result<Self> {
        // SAFETY: `setup_callback` fits the driver; the name is NUL-terminated.
        let dev = unsafe {
            raw::alloc_netdev_mqs(
                mem::size_of::<T>() as c_int,
                name.as_char_ptr(),
                raw::NET_NAME_ENUM as kernel::ffi::c_uchar,
                Some(Device::<T>::setup_callback),
                1,
                1,
            )
        };
        let dev = NonNull::new(dev).ok_or(ENOMEM)?.as_ptr();
        // SAFETY: The device is new, and nobody else's yet.
        unsafe {
            raw::klips_dev_net_set(dev, net.as_ptr());
            Device::complete(dev, data, rtnl)
        }
        // SAFETY: By the contract of `complete` the device is ours to free.
        .inspect_err(|_| unsafe { raw::free_netdev(dev) })
    }
}

impl<T: Driver> Deref for DeviceRef<T> {
    type Target = Device<T>;
    fn deref(&self) -> &Device<T> {
        // SAFETY: The reference keeps the device alive, and it was made for `T`.
        unsafe { Device::from_raw(self.0.as_ptr()) }
    }
}
