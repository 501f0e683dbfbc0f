//! The rules of the cursor: nothing is missed at any edge, and an idle poll is one call.
