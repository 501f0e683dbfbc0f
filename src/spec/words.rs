//! The small vocabularies: one declaration gives the enum, its words, and what each word means for messages, `explain`, the
//! JSON schemas and the reference page.

/// One word of a vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// As the files write it.
    pub word: &'static str,
    /// One line; may be empty where the word says it all.
    pub meaning: &'static str,
}

/// Declares an enum whose variants are words of the files.
macro_rules! words {
    ($(#[$doc:meta])* pub enum $name:ident { $($variant:ident = $word:literal, $meaning:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $(#[doc = concat!("`", $word, "`: ", $meaning)] $variant,)*
        }

        impl $name {
            /// Every word with its meaning, in the order of the reference page.
            pub const CHOICES: &'static [$crate::spec::Choice] =
                &[$($crate::spec::Choice { word: $word, meaning: $meaning },)*];

            /// The value of a word; `None` if it is none of them.
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The word of the files.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}
pub(crate) use words;
