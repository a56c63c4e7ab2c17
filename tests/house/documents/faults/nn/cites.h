// Rules: docs/mathematics/01-rules.md#rules and #kept. What is shown only: docs/mathematics/01-rules.md#shown.
#pragma once

// docs/mathematics/02-lost.md#rules, and docs/mathematics/01-rules.md#rules and #second.
int lost();
// docs/mathematics/01-rules.md.
int whole();
