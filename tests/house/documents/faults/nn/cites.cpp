// By number: mathematics.md, 7.3.
int numbered();
