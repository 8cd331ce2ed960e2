// SPDX-License-Identifier: GPL-2.0-only
//! KLIPS.
#![crate_name = "klips"]
#![deny(unsafe_code)]
use kernel::prelude::*;
#[expect(unsafe_code)]
mod kapi;
module! { type: Klips, name: "klips", authors: ["KLIPS developers"], description: "KLIPS IPsec", license: "GPL", }
struct Klips;
impl kernel::Module for Klips { fn init(_m: &'static ThisModule) -> Result<Self> { pr_info!("hi\n"); Ok(Klips) } }
