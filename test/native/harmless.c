// The program that the intruder tries to run: it does nothing, needs no other file and ends with 0.
int main(void) {
    return 0;
}
