//! Pipelines that flow both ways through the daemon: the simulated org on one side, a database file that another program edits on the
//! other. `two_way` tests the same rules between systems in memory.

mod accounts;
mod bad_input;
mod bench;
mod calls;
mod conversion;
mod duplicates;
mod faults;
mod headers;
mod listen;
mod people;
mod set_conversion;
mod set_startdeliver;
mod shared;
