// SPDX-License-Identifier: GPL-2.0-only

//! The state of an SA, RFC 2367 2.3.1 and 3.

/// The state of an SA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum State {
    /// GETSPI reserved the SPI; there are no keys yet.
    #[default]
    Larval,
    /// In use.
    Mature,
    /// A soft lifetime has passed; still in use.
    Dying,
    /// A hard lifetime has passed, or the SA was deleted.
    Dead,
}

impl State {
    /// PF_KEY number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Larval => 0,
            Self::Mature => 1,
            Self::Dying => 2,
            Self::Dead => 3,
        }
    }

    /// The state of a PF_KEY number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Larval),
            1 => Some(Self::Mature),
            2 => Some(Self::Dying),
            3 => Some(Self::Dead),
            _ => None,
        }
    }

    /// Packets may use the SA.
    #[inline]
    pub const fn carries_traffic(self) -> bool {
        matches!(self, Self::Mature | Self::Dying)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for number in 0..=3 {
            let state = State::from_number(number).unwrap();
            assert_eq!(state.number(), number);
            assert_eq!(state.carries_traffic(), number == 1 || number == 2);
        }
        assert_eq!(State::from_number(4), None);
    }
}
