// main: hands the command line over.
int main() { return 2; }
