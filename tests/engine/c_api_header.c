/* Compiled as strict C99: the public header must need nothing newer. */
#include <ingot/ingot.h>

int ingotHeaderIsC99(void);

int ingotHeaderIsC99(void) {
  ingot_engine_options options = {sizeof options};
  ingot_request_options request = {sizeof request};
  ingot_error error = {sizeof error};
  ingot_engine *engine = NULL;
  (void)request;
  if (ingot_engine_create(NULL, &options, &engine, &error) != INGOT_USAGE)
    return 1;
  return ingot_version()[0] == 0;
}
