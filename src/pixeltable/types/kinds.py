"""Asking a column type what it is, by the names that programs use."""

from typing import ClassVar


class KindTests:
    """Mixin of the column types: `is_<name>_type()` for each, and for the groups they belong to."""

    __slots__ = ()

    name: ClassVar[str]

    def is_string_type(self) -> bool:
        return self.name == "String"

    def is_int_type(self) -> bool:
        return self.name == "Int"

    def is_float_type(self) -> bool:
        return self.name == "Float"

    def is_bool_type(self) -> bool:
        return self.name == "Bool"

    def is_timestamp_type(self) -> bool:
        return self.name == "Timestamp"

    def is_date_type(self) -> bool:
        return self.name == "Date"

    def is_uuid_type(self) -> bool:
        return self.name == "UUID"

    def is_binary_type(self) -> bool:
        return self.name == "Binary"

    def is_json_type(self) -> bool:
        return self.name == "Json"

    def is_array_type(self) -> bool:
        return self.name == "Array"

    def is_image_type(self) -> bool:
        return self.name == "Image"

    def is_video_type(self) -> bool:
        return self.name == "Video"

    def is_audio_type(self) -> bool:
        return self.name == "Audio"

    def is_document_type(self) -> bool:
        return self.name == "Document"

    def is_numeric_type(self) -> bool:
        """Int and Float."""
        return self.name in ("Int", "Float")

    def is_scalar_type(self) -> bool:
        """What SQL has too: text, numbers, Bool, times and UUIDs."""
        return self.name in ("String", "Int", "Float", "Bool", "Timestamp", "Date", "UUID")

    def is_media_type(self) -> bool:
        """What refers to a file: Image, Video, Audio and Document."""
        return self.name in ("Image", "Video", "Audio", "Document")
