// A source that is not listed: [Missing2001].
