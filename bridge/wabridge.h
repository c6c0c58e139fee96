/* The bridge's five symbols. docs/bridge.md says what they take and return. */
#include <stddef.h>
#include <stdint.h>

char *wa_start(const char *config, size_t length);
char *wa_call(const char *method, const char *request, size_t length);
char *wa_next_events(uint64_t ack, int32_t timeout_ms);
char *wa_stop(int32_t deadline_ms);
void wa_free(char *reply);
